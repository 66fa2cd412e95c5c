"""Class names that may be one, and counts of objects."""

from collections import Counter

import pytest
from checking import said

from detect.checks.names import alike, check_counts, check_names

# PASCAL VOC's and COCO's names that lie nearest to each other.
DIFFERENT = [
    ("cat", "car"), ("bear", "pear"), ("boat", "goat"), ("cow", "crow"), ("person", "parson's dog"),
    ("bus", "bush"), ("train", "truck"), ("fork", "cork"), ("part1", "part2"), ("part", "part2"),
    ("type_a", "type_b"), ("defect a", "defect b"), ("猫", "犬"), ("+", "-"), ("chair", "armchair"),
    ("sheep", "sleeping"), ("class 10", "class 11"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_names_that_are_two_classes(first, second):
    assert alike(first, second, 50, 60) == alike(second, first, 60, 50) == ""


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("Person", "person", "differ only in case, spaces or signs"),
        ("traffic light", "traffic_light", "differ only in case, spaces or signs"),
        ("T-shirt", "tshirt", "differ only in case, spaces or signs"),
        ("STRASSE", "straße", "differ only in case, spaces or signs"),
        ("café", "cafe\u0301", "differ only in case, spaces or signs"),
        ("dog", "dogs", "are singular and plural"),
        ("bus", "buses", "are singular and plural"),
        ("Strawberry", "strawberries", "are singular and plural"),
        ("platelet", "platlet", "differ in one letter"),
        ("banana", "bananna", "differ in one letter"),
        ("orange", "orenge", "differ in one letter"),
        ("apple", "appel", "differ in one letter"),
    ],
)
def test_names_that_may_be_one(first, second, why):
    assert alike(first, second, 50, 60) == alike(second, first, 60, 50) == why


def test_a_letter_in_a_short_name_is_a_slip_where_one_of_them_is_rare():
    assert alike("RBC", "RBX", 500, 3) == "differ in one letter"
    assert alike("RBC", "RBX", 500, 25) == ""
    assert alike("RBC", "RBX", 500, 0) == ""


def test_what_is_said_of_names():
    assert said(check_names({"Dog": 1, "dog": 2000, "cow": 4})) == [
        ("names", "'Dog' (1 object) and 'dog' (2,000 objects) differ only in case, spaces or signs")
    ]


def test_what_is_said_of_counts():
    counts = {"a": 0, "b": 9, "c": 10, "d": 1}
    splits = {"train": Counter(b=8, c=9, d=1), "val": Counter(c=1, b=1), "test": Counter()}
    assert said(check_counts(counts, splits)) == [
        ("few", "d: 1 object"),
        ("few", "b: 9 objects"),
        ("unused", "1 of 4 classes: a"),
        ("absent", "val: 1 of 4 classes: d"),
    ]
