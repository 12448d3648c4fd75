"""Ratings from files: every format gives the same, every fault its line."""

from __future__ import annotations

import gzip
import random
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amcspice as amc
from amcspice import files
from amcspice.workload.ratings import Ratings, RatingTable, read_ratings, read_titles

MARKET = "%%MatrixMarket matrix coordinate {} general\n% written by hand\n5 7 2\n1 2 3\n5 7 4{}\n"


@pytest.mark.parametrize(
    "text",
    [
        "1\t2\t3\t99\n5\t7\t4.5\t98\n",
        "user,item,rating\n1,2,3\n5,7,4.5\n",
        "userId\tmovieId\trating\ttimestamp\n5\t7\t4.5\t1\n1\t2\t3\t1",
        "1 2 3\n 5  7 4.5 \n",
        "1::2::3::99\n5::7::4.5::98\n",
        "\ufeff1,2,3\r\n5,7,4.5\r\n",
        "\n1, 2, 3\n\n5, 7, 4.5\n\n",
        "1.0,2,3\n5,7.0,4.5e0\n",
        MARKET.format("real", ".5"),
    ],
)
def test_formats_agree(tmp_path, text):
    (tmp_path / "r").write_text(text)
    table = read_ratings(tmp_path / "r")
    assert (table.users.tolist(), table.items.tolist()) == ([1, 5], [2, 7])
    assert table.values.tolist() == [3.0, 4.5]
    assert table.duplicates == 0


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "the file is empty"),
        (" \n\n", 1, "the file is empty"),
        ("user,item,rating\n", 1, "is not user, item and rating"),
        ("1\t2\t3\t4\n1\t3\n", 2, r"2 fields in '1\\t3', expected 4"),
        ("1\t2\t3\t4\n1\t3\t3\n", 2, "3 fields .* expected 4"),
        ("1,2,3\n1,2,3,4,5\n", 2, "5 fields .* expected 3"),
        ("1,2,3\n1\t2\t3\n", 2, "expected 3"),
        ("1,2,3\n1,3,bad\n", 2, "rating 'bad' is not a number"),
        ("1,2,bad\n", 1, "rating 'bad' is not a number"),
        ("1,2,3\n1,3,nan\n", 2, "rating 'nan' is not a number"),
        ("1,2,3\n1,3,1_0\n", 2, "rating '1_0' is not a number"),
        ("1,2,3\n1,3,-1\n", 2, "rating '-1' is negative"),
        ("1,2,3\n\nx,3,1\n", 3, "user 'x' is not a whole number"),
        ("1,2,3\n1,2.5,1\n", 2, "item '2.5' is not a whole number"),
        ("1,2,3\n1,,1\n", 2, "item '' is not a whole number"),
        ("1,2,3\n-1,2,1\n", 2, "user '-1' must be from 0"),
        ("1,2,3,9\n1,3,1,\n", 2, "time '' is not a number"),
        ("%%MatrixMarket matrix array real general\n2 2\n", 1, "must be 'matrix coordinate"),
        ("%%MatrixMarket matrix coordinate real general\n", 2, "expected the numbers of rows"),
        (MARKET.format("real", "")[:-6], 4, "ends after 1 of 2 ratings"),
        (MARKET.format("integer", "") + "1 3 1\n", 6, "ends after 3 of 2 ratings"),
        (MARKET.format("real", "").replace("5 7 4", "6 7 4"), 5, "user '6' must be from 1 to 5"),
        (MARKET.format("real", "").replace("5 7 4", "5 7 -4"), 5, "rating '-4' is negative"),
    ],
)
def test_fault_is_refused_with_its_line(tmp_path, text, line, reason):
    (tmp_path / "r").write_text(text)
    with pytest.raises(amc.InputError, match=f"r, line {line}: .*{reason}"):
        read_ratings(tmp_path / "r")


@pytest.mark.parametrize("alphabet", [bytes(range(256)), b"0123456789,\t\n:.-", b"abc \n"])
def test_random_bytes_are_refused_with_one_short_message(tmp_path, alphabet):
    content = bytes(random.Random(0).choices(alphabet, k=10_000_000))
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(amc.InputError, match=r"r, line \d+: ") as caught:
        read_ratings(tmp_path / "r")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(amc.InputError, match="no such file"):
        read_ratings(tmp_path / "r")
    with pytest.raises(amc.InputError, match="not a file"):
        read_ratings(tmp_path)


def test_latest_rating_of_a_pair_counts(tmp_path):
    (tmp_path / "timed").write_text("1,2,5,20\n1,2,3,10\n5,7,1,1\n")
    (tmp_path / "untimed").write_text("1,2,5\n1,2,3\n5,7,1\n")
    timed, untimed = read_ratings(tmp_path / "timed"), read_ratings(tmp_path / "untimed")
    assert timed.values.tolist() == [5, 1]
    assert untimed.values.tolist() == [3, 1]
    assert timed.duplicates == untimed.duplicates == 1


def test_rating_outside_the_scale_is_refused(tmp_path):
    (tmp_path / "r").write_text("1,2,3\n1,3,6\n")
    assert read_ratings(tmp_path / "r", (1, 6)).values.max() == 6
    with pytest.raises(amc.InputError, match="line 2: rating '6' is outside the scale from 1 to 5"):
        read_ratings(tmp_path / "r", (1, 5))


def test_gaps_between_ids_make_no_rows():
    table = RatingTable(np.array([3, 900, 3]), np.array([7, 7, 10**9]), np.array([1.0, 0.0, 5.0]))
    ratings = Ratings.of(table)
    assert ratings.matrix.shape == (2, 2)
    assert ratings.matrix.nnz == 3  # a rating of zero is a rating
    assert ratings.scale == (0.0, 5.0)
    rows, columns = ratings.places(
        RatingTable(np.array([900, 4]), np.array([8, 10**9]), np.ones(2))
    )
    assert rows.tolist() == [1, -1]
    assert columns.tolist() == [-1, 1]


line = st.tuples(st.integers(0, 2**40), st.integers(0, 99), st.sampled_from([0, 0.5, 1, 4.25]))


@settings(deadline=None, max_examples=50)
@given(lines=st.lists(line, min_size=1), separator=st.sampled_from(["\t", ",", " ", "::"]))
def test_what_is_written_is_read(tmp_path_factory, lines, separator):
    path = tmp_path_factory.mktemp("r") / "r"
    path.write_text("\n".join(separator.join(map(str, one)) for one in lines))
    expected = {(user, item): value for user, item, value in lines}
    table = read_ratings(path)
    pairs = zip(table.users.tolist(), table.items.tolist(), strict=True)
    assert dict(zip(pairs, table.values.tolist(), strict=True)) == expected
    assert table.duplicates == len(lines) - len(expected)


def test_titles(tmp_path):
    (tmp_path / "u.item").write_bytes("1|Toy Story (1995)|01-Jan\n7|Café|x\n".encode("latin-1"))
    assert read_titles(tmp_path / "u.item") == {1: "Toy Story (1995)", 7: "Café"}
    (tmp_path / "movies.dat").write_text("1::A | B::Comedy\n")
    assert read_titles(tmp_path / "movies.dat") == {1: "A | B"}
    (tmp_path / "bad").write_text("1|a\nfilm\n")
    with pytest.raises(amc.InputError, match="line 2: 'film' is not an item and its title"):
        read_titles(tmp_path / "bad")


@pytest.mark.parametrize(
    "text",
    [
        "userId,movieId,rating,timestamp\n3,7,2.5,10\n4,7,1,11\n",
        ",user_id,item_id,rating\n0,3,7,2.5\n1,4,7,1\n",
        "rating,userId,movieId\n2.5,3,7\n1,4,7\n",
        "Item\tUser\tScore\tnotes\n7\t3\t2.5\t0\n7\t4\t1\t0\n",
    ],
)
def test_a_header_says_which_column_is_which(tmp_path, text):
    path = tmp_path / "ratings.csv"
    path.write_text(text)
    table = read_ratings(path)
    assert table.users.tolist() == [3, 4]
    assert table.items.tolist() == [7, 7]
    assert table.values.tolist() == [2.5, 1.0]


def test_a_header_without_what_is_needed_is_refused(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("who,movieId,rating\n3,7,2.5\n")
    with pytest.raises(
        amc.InputError, match=r"line 1: the header names no user \(such as user, userid"
    ):
        read_ratings(path)
    path.write_text("userId,movieId,rating\n3,7,2.5\n3,8\n")
    with pytest.raises(amc.InputError, match="line 3: 2 fields in '3,8', expected 3"):
        read_ratings(path)
    path.write_text("rating,userId,movieId\n2.5,3,7\n1,x,8\n")
    with pytest.raises(amc.InputError, match=r"line 3: user 'x' is not a whole number"):
        read_ratings(path)


def test_titles_of_a_table_with_a_header(tmp_path):
    path = tmp_path / "movies.csv"
    path.write_text('movieId,title,genres\n1,"Film, The (1999)",Drama|Comedy\n20,Über,Drama\n')
    assert read_titles(path) == {1: "Film, The (1999)", 20: "Über"}
    path.write_text("movieId,title\none,Film\n")
    with pytest.raises(amc.InputError, match="line 2: 'one,Film' is not an item and a title"):
        read_titles(path)


PLAIN = "3,7,2.5,10\n4,7,1,11\n4,20,4,12\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        '"User-ID";"ISBN";"Book-Rating"\n"3";"7";"2.5"\n"4";"7";"1"\n"4";"20";"4"\n',
        "userId;movieId;rating\n3;7;2,5\n4;7;1,0\n4;20;4,0\n",
        'userId,title,movieId,rating\n3,"Film, The",7,2.5\n4,"A ""B""",7,1\n4,"Two\nlines",20,4\n',
        "userId,movieId,rating,date\n3,7,2.5,2005-09-06\n4,7,1,2005-09-07\n4,20,4,2005-09-06\n",
        "3::7::1\n3::7::2.5\n4::7::1\n4::20::4\n",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_spreadsheets_and_archives_give_the_same(tmp_path, text, packed):
    content = text.encode()
    (tmp_path / "r").write_bytes(gzip.compress(content, mtime=0) if packed else content)
    table = read_ratings(tmp_path / "r")
    assert table.users.tolist() == [3, 4, 4]
    assert table.items.tolist() == [7, 7, 20]
    assert table.values.tolist() == [2.5, 1.0, 4.0]


def test_ids_that_are_no_numbers_are_names(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(
        "user_id,parent_asin,rating,timestamp\nA1XY,0345,2,9\nA1XY,B02Z,1.5,8\n7,B02Z,5,1\n"
    )
    table = read_ratings(path)
    assert table.users.tolist() == ["7", "A1XY", "A1XY"]
    assert table.items.tolist() == ["B02Z", "0345", "B02Z"]
    assert table.values.tolist() == [5, 2, 1.5]
    ratings = Ratings.of(table)
    assert ratings.matrix.toarray().tolist() == [[0, 5], [2, 1.5]]  # columns 0345, B02Z
    path.write_text("A1XY,345,3\nA2,B02Z,3\n")
    with pytest.raises(
        amc.InputError, match=r"line 2: item 'B02Z' is not a whole number; --names "
    ):
        read_ratings(path)
    assert read_ratings(path, names=["items"]).items.tolist() == ["345", "B02Z"]
    with pytest.raises(amc.InputError, match="names = 'item': did you mean items"):
        read_ratings(path, names=["item"])
    # Held-out ratings happen to have numbers only; they are the same users' and items'.
    path.write_text("7,0345,3\n7,12,3\n")
    held_out = read_ratings(path, like=table)
    assert [places.tolist() for places in ratings.places(held_out)] == [[0, 0], [0, -1]]
    path.write_text("7,B02Z,3\n")
    with pytest.raises(amc.InputError, match="line 1: item 'B02Z' is not a whole number"):
        read_ratings(path, like=RatingTable(np.array([7]), np.array([1]), np.ones(1)))


def test_the_latest_date_counts(tmp_path):
    (tmp_path / "r").write_text(
        "user,item,rating,date\n1,2,5,2005-09-06 10:00:01\n1,2,3,2005-09-06T10:00:00Z\n1,3,1,1\n"
    )
    table = read_ratings(tmp_path / "r")
    assert table.values.tolist() == [5, 1]
    (tmp_path / "r").write_text("user,item,rating,date\n1,2,5,06.09.2005\n")
    with pytest.raises(amc.InputError, match=r"line 2: time '06.09.2005' is not a number or"):
        read_ratings(tmp_path / "r")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'user,item,rating\n1,2,3\n1,"3,4\n2,2,2\n', r"line 3: 2 fields .* expected 3"),
        (b'"userId","movieId","rating"\n"1",1,31,2.5\n', "line 1: the header names 3 columns"),
        (b"user,rating,item,notes\n1,2,3,a,b\n1,2,3,a\n", "line 1: the header names 4 columns"),
        (b"user,rating,item,notes\n1,2,3,a\n1,2,3,a,b\n", "line 3: 5 fields"),
        (b"Ann,,3\n", "line 1: item '' is not a whole number"),
        (b"Ann,1,3\n,1,3\n", "line 2: user '' is empty"),
        (b"Ann,1,3\n" + b"x" * 999 + b",1,3\n", "line 2: user 'x+...' has more than 200"),
        (b'a,1,3\n"' + b"x" * 200_000, "line 2: a quote that does not end"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "cannot be read"),
        (b"\x1f\x8bjunk", "cannot be read"),
    ],
)  # fmt: skip
def test_faulty_tables_are_refused(tmp_path, content, reason):
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(amc.InputError, match=reason) as caught:
        read_ratings(tmp_path / "r")
    assert len(str(caught.value)) < 400


def test_what_does_not_fit_into_memory_is_refused(tmp_path, monkeypatch):
    (tmp_path / "r.gz").write_bytes(gzip.compress(b"1,2,3\n" * 10**6, mtime=0))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**6))
    monkeypatch.setattr(files, "SMALL", 0)
    with pytest.raises(amc.InputError, match=r"unpacked so far: takes 0.0 GB in memory"):
        read_ratings(tmp_path / "r.gz")


@pytest.mark.parametrize("packed", [False, True])
def test_titles_of_tables(tmp_path, packed):
    path = tmp_path / "titles"

    def write(text):
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if packed else text.encode())

    write('"ISBN";"Book-Title";"Author"\n"0345";"A; B";"x"\n"034X";"C ""D""";"y"\n')
    assert read_titles(path, names=True) == {"0345": "A; B", "034X": 'C "D"'}
    with pytest.raises(
        amc.InputError, match=r"line 3: '034X;C \"D\";y' is not an item and a title"
    ):
        read_titles(path)
    write("\ufeffmovie_id\ttitle\r\n3\tFilm\r\n")
    assert read_titles(path) == {3: "Film"}


def test_zeros_before_an_id_are_never_dropped(tmp_path):
    (tmp_path / "r").write_text("user,item,rating\n1,1,3\n007,1,4\n7,1,2\n")
    with pytest.raises(
        amc.InputError, match=r"line 3: user '007' has zeros before it.*--names users"
    ):
        read_ratings(tmp_path / "r")
    table = read_ratings(tmp_path / "r", names=["users"])
    assert table.users.tolist() == ["007", "1", "7"]


@pytest.mark.parametrize("column", ["user", "item"])
def test_ids_that_a_float_would_round_are_refused(tmp_path, column):
    ids = f"{2**53 + 1},1" if column == "user" else f"1,{2**53 + 1}"
    (tmp_path / "r").write_text(f"1,1,3\n{ids},4\n")
    with pytest.raises(amc.InputError, match=f"line 2: {column} '{2**53 + 1}' must be from 0"):
        read_ratings(tmp_path / "r")
    (tmp_path / "r").write_text(f"1,1,3\n{2**53},{2**53 - 1},4\n")
    table = read_ratings(tmp_path / "r")
    assert (table.users[-1], table.items[-1]) == (2**53, 2**53 - 1)


@pytest.mark.parametrize(
    "text",
    [
        "user,item,rating\r\n1,2,3\n5,7,4.5\r",
        "user,item,rating\r1,2,3\r5,7,4.5",
        'user,item,rating,review\n1,2,3,"a; b\tc::d"\n5,7,4.5,e\n',
        'review,user,item,rating\n"a\nb, c ""d""",1,2,3\ne,5,7,4.5\n',
    ],
)
def test_any_ends_of_lines_and_any_text_beside_ratings(tmp_path, text):
    (tmp_path / "r").write_bytes(text.encode())
    table = read_ratings(tmp_path / "r")
    assert (table.users.tolist(), table.items.tolist()) == ([1, 5], [2, 7])
    assert table.values.tolist() == [3.0, 4.5]


def test_dates_are_compared_across_zones(tmp_path):
    (tmp_path / "r").write_text(
        "user,item,rating,date\n"
        "1,2,3,2005-09-06T10:00:00-05:00\n"  # 15:00 in UTC, the latest
        "1,2,4,2005-09-06T14:00:00Z\n"
        "1,2,5,2005-09-06T14:30:00\n"
    )
    assert read_ratings(tmp_path / "r").values.tolist() == [3.0]


def test_the_most_telling_name_of_a_column_counts(tmp_path):
    (tmp_path / "r").write_text("user,movie,userId,movieId,rating\n8,9,1,2,3\n8,9,5,7,4\n")
    table = read_ratings(tmp_path / "r")
    assert (table.users.tolist(), table.items.tolist()) == ([1, 5], [2, 7])


def test_ratings_in_utf_16_and_headers_that_name_a_column_twice(tmp_path):
    plain = "user,item,rating\n1,2,3.5\n2,1,4\n"
    wide = tmp_path / "wide.csv"
    wide.write_bytes(plain.encode("utf-16"))
    narrow = tmp_path / "narrow.csv"
    narrow.write_text(plain)
    one, other = (read_ratings(path) for path in (wide, narrow))
    for name in ("users", "items", "values"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    narrow.write_text("user,user,item,rating\n1,2,3,4\n")
    with pytest.raises(amc.InputError, match=r"line 1: .*'user' twice"):
        read_ratings(narrow)
