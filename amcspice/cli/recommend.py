"""``amcspice recommend``: the best items for a user."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.workload.ratings import read_titles
from amcspice.workload.recommend import load_recommender

__all__ = ["recommend"]


@click.command(epilog="Example: amcspice recommend out/recommender.npz --user 42 --titles u.item")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--user", required=True, type=click.IntRange(min=0), help="Id of the user.")
@click.option(
    "--top", default=10, show_default=True, type=click.IntRange(min=1), help="How many items."
)
@click.option(
    "--least-ratings",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Leave out items with fewer training ratings.",
)
@click.option(
    "--titles",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Titles of the items: id|title|... (u.item) or id::title::...",
)
@json_option
@debug_option
def recommend(
    file: Path,
    user: int,
    top: int,
    least_ratings: int,
    titles: Path | None,
    json_file: Path | None,
) -> None:
    """Print the items that a user has not rated and would rate highest.

    FILE is the recommender.npz that amcspice nmf ratings wrote.  A user without training ratings
    gets the items with the highest damped means.
    """
    if json_file is not None:
        check_target(json_file)
    recommender = load_recommender(file)
    names = {} if titles is None else read_titles(titles)
    best = recommender.top(user, top, least_ratings=least_ratings)
    has_ratings = bool((recommender.ratings.users == user).any())
    if json_file is not None:
        items = [{**asdict(row), "title": names.get(row.item)} for row in best]
        write_json(json_file, {"user": user, "known": has_ratings, "items": items})
    console = Console(stderr=str(json_file) == "-")
    if not has_ratings:
        console.print(f"user {user} has no training ratings: items by their damped means")
    table = Table()
    for column in ("item", "title") if names else ("item",):
        table.add_column(column, justify="right" if column == "item" else "left")
    table.add_column("predicted", justify="right")
    table.add_column("training ratings", justify="right")
    for row in best:
        title = [names.get(row.item, "")] if names else []
        table.add_row(
            str(row.item),
            *title,
            f"{row.rating:.2f}",
            str(row.ratings),
        )
    console.print(table)
