"""Receptive fields as values, and as plain data."""

import json

import pytest

from netdissect.engine.field import Field

FIELD = Field(rows=(3.5, 7.5), columns=(-1.0, 7.0, 15.0), size=(9.0, 11.0), step=(4.0, 8.0))


def test_plain_data_is_read_back():
    assert Field.from_plain(json.loads(json.dumps(FIELD.to_plain()))) == FIELD


def test_plain_data_that_says_something_else_is_refused():
    with pytest.raises(TypeError):
        Field.from_plain({"rows": [1.0]})
    with pytest.raises(TypeError):
        Field.from_plain(FIELD.to_plain() | {"depth": [1.0]})


def test_summary_has_one_number_where_axes_agree():
    assert FIELD.summary() == {"size": [9, 11], "step": [4, 8], "first": [3.5, -1]}
    square = Field(rows=(0.1 + 0.2,), columns=(0.1 + 0.2,), size=(3.0, 3.0), step=(2.0, 2.0))
    assert json.dumps(square.summary()) == '{"size": 3, "step": 2, "first": 0.3}'
