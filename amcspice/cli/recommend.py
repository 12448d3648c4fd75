"""``amcspice recommend``: the best items for a user."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import debug_option, json_option
from amcspice.cli.output import check_target, write_json
from amcspice.workload.rating_table import are_names
from amcspice.workload.ratings import read_titles
from amcspice.workload.recommend import load_recommender

__all__ = ["recommend"]


@click.command(epilog="Example: amcspice recommend out/recommender.npz --user 42 --titles u.item")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--user", required=True, help="Id or name of the user.")
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
    help="Titles of the items: id|title|... (u.item), id::title::... or a CSV with a header.",
)
@json_option
@debug_option
def recommend(
    file: Path,
    user: str,
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
    ratings = recommender.ratings
    names = {} if titles is None else read_titles(titles, names=are_names(ratings.items))
    best = recommender.top(user, top, least_ratings=least_ratings)
    has_ratings = recommender.row_of(user) is not None
    asked = user if are_names(ratings.users) else int(user)
    if json_file is not None:
        items = [{**asdict(row), "title": names.get(row.item)} for row in best]
        write_json(json_file, {"user": asked, "known": has_ratings, "items": items})
    console = Console(stderr=str(json_file) == "-", markup=False)  # "[REC]" is a film
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
