"""What is read from objects is right, in made-up cases."""

from __future__ import annotations

from objects import Object, arrows, circles, double_tags, foreign_names, keyword_tags, read_symbols, unused

NM = """\
0000000000000000 T lamp_on
0000000000000000 t dim
0000000000000008 D lamp_names
                 U printf
                 U room_find
"""


def test_symbols_are_defined_or_wanted_and_others_are_private():
    assert read_symbols(NM) == Object({"lamp_on", "lamp_names"}, {"printf", "room_find"})


def test_an_external_that_only_its_own_file_uses_is_unused():
    objects = {"a.c": Object({"a_get", "a_set"}, {"b_run"}), "b.c": Object({"b_run", "main"}, {"a_get"})}
    assert unused(objects) == [("a.c", "a_set")]


def test_a_circle_is_found_through_a_third_file_once():
    objects = {
        "x/a.c": Object({"a"}, {"b"}),
        "x/b.c": Object({"b"}, {"c"}),
        "x/c.c": Object({"c"}, {"a"}),
        "x/d.c": Object({"d"}, {"a"}),
    }
    assert circles(arrows(objects)) == [["x/a.c", "x/b.c", "x/c.c"]]


def test_files_that_stand_in_a_row_are_no_circle():
    objects = {"x/a.c": Object({"a"}, {"b"}), "x/b.c": Object({"b"}, {"c"}), "x/c.c": Object({"c"}, {"printf"})}
    assert circles(arrows(objects)) == []


def test_a_name_begins_with_a_word_of_its_file_of_its_room_or_with_a_tag_of_its_room():
    objects = {"room/lamp_list.c": Object({"lamp_on", "list_find", "room_name", "dim", "bulb_new", "door_open"}, set())}
    headers = {"room/lamp_list.h": "struct bulb {\n};\n", "other/door.h": "struct door {\n};\n"}
    assert foreign_names(objects, headers) == [("room/lamp_list.c", "dim"), ("room/lamp_list.c", "door_open")]


def test_tags_that_are_defined_twice_or_are_keywords_are_found():
    texts = {"a.h": "struct row {\n};\nenum class { A };\nstruct other;\n", "b.c": "static struct row *row;\nstruct row {\n};\n"}
    assert double_tags(texts) == {"row": ["a.h", "b.c"]}
    assert keyword_tags(texts) == {"class": ["a.h"]}
