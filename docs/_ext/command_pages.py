"""A page a command, written by the command's own help into reStructuredText."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import click
from sphinx.util.rst import escape

__all__ = ["commands", "page"]


def commands(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    """Yield a context for every command that does something, in the order of the help."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(
            command, info_name=name, parent=parent, **(command.context_settings or {})
        )
        if isinstance(command, click.Group):
            yield from commands(command, context)
        else:
            yield context


def page(context: click.Context) -> str:
    """Return the page of a command."""
    formatter = PageFormatter()
    context.command.format_help(context, formatter)
    title = context.command_path
    return f"{title}\n{'=' * len(title)}\n\n{formatter.getvalue()}"


class PageFormatter(click.HelpFormatter):
    """Writes what a command says of itself as a page instead of lines of a terminal."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how the command is called."""
        self.code(f"{prog} {args}")

    def write_heading(self, heading: str) -> None:
        """Write the name of a group of options."""
        self.write(f"{escape(heading)}\n{'-' * len(escape(heading))}\n\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs; examples are code."""
        if text.startswith(("Example: ", "Examples: ")):
            for example in text.split(": ", 1)[1].split("; "):
                self.code(example)
            return
        for paragraph in text.replace("\b\n", "").split("\n\n"):
            self.write(f"{escape(paragraph)}\n\n")

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write options, each with what it means below."""
        for term, meaning in rows:
            self.write(f"``{term}``\n   {escape(' '.join(meaning.split()))}\n\n")

    @contextlib.contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Write a heading and what stands below it."""
        self.write_heading(name)
        yield

    def code(self, line: str) -> None:
        """Write a line that is typed into a terminal."""
        self.write(f".. code-block:: console\n\n   $ {line}\n\n")
