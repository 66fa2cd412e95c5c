"""Damages that know their format: JSON, TOML, lines, Parquet, npz."""

import io
import json
import re
import zipfile
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from faults.fuzzing import Damage, Random

# JSON texts in the place of any other.
ODD = (
    "null", "true", "0", "-1", "5", "0.5", "NaN", "Infinity", "-Infinity", "1e999", str(2**63),
    str(-(2**70)), "9" * 4301, "9" * 300, '""', '"x"', r'"\ud800"', r'"\u0000"', f'"{"n" * 300}"',
    '"../../x"', "[]", "{}", "[[]]", "[null]", '{"a": 1}', "[" * 3000, "[" * 70 + "]" * 70,
    '{"a":' * 3000, f"[{', '.join(['1'] * 9)}]",
)  # fmt: skip
ODD_TOML = (
    "nan", "inf", "-1", "0", "0.5", str(2**63), "9" * 4301, '""', '"x"', f'"{"n" * 300}"', "[]",
    "[" * 1000, "[" * 70 + "]" * 70, "{}", "{a = 1}", "true", "1979-05-27", r'"\u0000"',
)  # fmt: skip
_MARK = "\ue123"


def one_of(values: tuple[Any, ...], random: Random) -> Any:
    """Return one of `values`."""
    return values[int(random.integers(len(values)))]


def odd_json(content: bytes, random: Random) -> bytes:
    """Put an odd value in the place of any in a JSON text, leave it out, or name a key twice."""
    value = json.loads(content)
    found = places(value)
    if not found:
        return one_of(ODD, random).encode()
    holder, key = found[int(random.integers(len(found)))]
    kind = random.random()
    if kind < 0.1:
        del holder[key]
        return json.dumps(value).encode()
    was = json.dumps(holder[key])
    holder[key] = _MARK
    mark = json.dumps(_MARK)
    new = (
        f'{was}, "{key}": {was}' if kind < 0.2 and isinstance(holder, dict) else one_of(ODD, random)
    )
    return json.dumps(value).replace(mark, new).encode()


def odd_lines(content: bytes, random: Random) -> bytes:
    """Take a line twice, out, to another place, or make it odd."""
    lines = content.decode().splitlines(keepends=True)
    place, other = (int(random.integers(len(lines))) for _ in range(2))
    odd = ("\n", "x\n", "n" * 300 + "\n", "\0\n", "9" * 5000 + "\n", "1 2 3\n", "\x85\n", "a//b\n")
    lines[place] = one_of((lines[place] * 2, "", lines[other], *odd), random)
    return "".join(lines).encode()


def odd_json_lines(content: bytes, random: Random) -> bytes:
    """Make one line's JSON odd."""
    lines = content.splitlines(keepends=True)
    place = int(random.integers(len(lines)))
    lines[place] = odd_json(lines[place], random) + b"\n"
    return b"".join(lines)


def odd_word(content: bytes, random: Random) -> bytes:
    """Put an odd word in the place of any."""
    words = re.split(r"(\s+)", content.decode())
    odd = ("nan", "inf", "-1", "1e999", "9" * 4301, "n" * 300, "\0", "0x10", "1_0", "")
    words[2 * int(random.integers((len(words) + 1) // 2))] = one_of(odd, random)
    return "".join(words).encode()


def odd_toml(content: bytes, random: Random) -> bytes:
    """Put an odd value, or a deep key, in the place of any in a TOML text."""
    lines = content.decode().splitlines()
    places = [place for place, line in enumerate(lines) if " = " in line]
    place = places[int(random.integers(len(places)))]
    key, _, value = lines[place].partition(" = ")
    deep = ".".join("a" * 50_000)
    choices = (*(f"{key} = {odd}" for odd in ODD_TOML), f"{deep} = {value}", f"{key}.b = {value}")
    lines[place] = one_of((*choices, f"[{key}]", f"{key} = {value}\n{key} = {value}"), random)
    return "\n".join(lines).encode()


def odd_metadata(key: bytes) -> Damage:
    """Return what makes the JSON under `key` of a Parquet file's metadata odd."""

    def odd_card(content: bytes, random: Random) -> bytes:
        table = pq.read_table(io.BytesIO(content))
        metadata = dict(table.schema.metadata)
        metadata[key] = odd_json(metadata[key], random)
        return _written(table.replace_schema_metadata(metadata))

    return odd_card


def odd_cell(content: bytes, random: Random) -> bytes:
    """Put an odd value into a cell of a Parquet file, or take a row twice or out."""
    table = pq.read_table(io.BytesIO(content))
    rows = table.to_pylist()
    row = int(random.integers(len(rows)))
    name = one_of(tuple(table.column_names), random)
    kind = table.schema.field(name).type
    if random.random() < 0.2:
        rows[row] = dict(rows[int(random.integers(len(rows)))])
    elif pa.types.is_list(kind):
        rows[row][name] = _odd_list(rows[row][name], kind, random)
    elif pa.types.is_string(kind):
        rows[row][name] = one_of((None, "", "n" * 300, "a\0", "../../x", "/etc/x", "a//b"), random)
    else:
        rows[row][name] = one_of((None, 0, -1, 1, 2**31 - 1, -(2**31)), random)
    return _written(pa.Table.from_pylist(rows, schema=table.schema))


def odd_column(content: bytes, random: Random) -> bytes:
    """Give a column of a Parquet file another type or name, or leave it out."""
    table = pq.read_table(io.BytesIO(content))
    place = int(random.integers(table.num_columns))
    name = table.column_names[place]
    kinds = (pa.int64(), pa.float64(), pa.string(), pa.list_(pa.list_(pa.float32())), pa.binary())
    changed = pa.nulls(len(table), one_of(kinds, random))
    choices = (
        table.drop_columns([name]),
        table.set_column(place, name, changed),
        table.rename_columns([f"{one}x" if one == name else one for one in table.column_names]),
        table.append_column(name, table.column(name)),
    )
    return _written(choices[int(random.integers(len(choices)))])


def many_numbers(content: bytes, random: Random) -> bytes:
    """Let a list of a Parquet file hold more numbers than memory, in a few kilobytes."""
    table = pq.read_table(io.BytesIO(content)).slice(0, 1)
    names = [field.name for field in table.schema if pa.types.is_list(field.type)]
    name = one_of(tuple(names), random)
    kind = table.schema.field(name).type
    count = 2 * 10**7
    values = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(count, np.int32)), pa.array(["n" * 200])
    )
    if not pa.types.is_string(kind.value_type):
        values = pa.array(np.zeros(count, kind.value_type.to_pandas_dtype()), kind.value_type)
    listed = pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), values)
    place = table.column_names.index(name)
    metadata = table.schema.metadata
    changed = table.set_column(place, name, listed).replace_schema_metadata(metadata)
    return _written(changed, store_schema=False)


def odd_npz(content: bytes, random: Random) -> bytes:
    """Give an npz odd arrays, headers, names or flags."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
    shapes = ((0,), (3, 4), (3, 6), (0, 4), (2, 2, 2), (10**12, 4), (-1, 4), (10**30, 5), (3, "x"))
    types = ("<f4", "|O", "<U9", "<c8", "<M8[s]", "<f2", ">f8", "|b1", "[('a', '<f4')]", "nonsense")
    header = f"{{'descr': {one_of(types, random)!r}, 'fortran_order': False, 'shape': "
    text = (header + f"{one_of(shapes, random)!r}, }}").encode() + b" " * 16 + b"\n"
    text = one_of((text, text[:-5], b"(" * 3000 + b"\n", b"9" * 5000 + b"\n"), random)
    member = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + random.bytes(48)
    name = one_of((*names, "n" * 300 + ".npy", "../x.npy", "a", ".npy"), random)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", one_of((0, 8, 12, 14), random)) as archive:
        archive.writestr(name, member)
    changed = bytearray(buffer.getvalue())
    if random.random() < 0.2:  # Flags of both headers: encrypted, or another compression.
        for start in (changed.find(b"PK\x03\x04") + 6, changed.find(b"PK\x01\x02") + 8):
            changed[start : start + 4] = one_of((b"\x01\0\0\0", b"\0\0\x63\0"), random)
    return bytes(changed)


def zip_bomb(content: bytes, random: Random) -> bytes:
    """Return a small npz whose one array fills memory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _bomb(archive.namelist()[0])


@cache
def _bomb(name: str, rows: int = 2 * 10**7) -> bytes:
    buffer = io.BytesIO()
    kind = zipfile.ZipInfo(name)
    kind.compress_type = zipfile.ZIP_DEFLATED
    header = {"descr": "<f8", "fortran_order": False, "shape": (rows, 5)}
    with (
        zipfile.ZipFile(buffer, "w") as archive,
        archive.open(kind, "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(rows * 5 * 8 // 10**7):
            member.write(bytes(10**7))
    return buffer.getvalue()


def _odd_list(values: list[Any] | None, kind: Any, random: Random) -> list[Any] | None:
    odd: tuple[Any, ...] = (None, float("nan"), float("inf"), -1e30, 1e38, -1)
    if pa.types.is_string(kind.value_type):
        odd = (None, "", "n" * 300, "a\0")
    elif pa.types.is_integer(kind.value_type):
        odd = (None, -1, 3, 2**31 - 1)
    changed = list(values or ())
    if changed and random.random() < 0.6:
        changed[int(random.integers(len(changed)))] = one_of(odd, random)
        return changed
    return one_of((None, [], changed[1:], changed * 2, changed[::-1]), random)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in `value` as its holder and key."""
    found = []
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            found += [(value, key), *places(value[key])]
    return found


def _written(table: pa.Table, **how: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True, **how)
    return buffer.getvalue()
