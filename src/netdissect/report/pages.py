"""From a result to plain data, all that a page shows: numbers, words, and images as data addresses."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, UInt8
from PIL import Image

from netdissect.engine.mask import alignment_of, unit_masks
from netdissect.networks.receptive import Field
from netdissect.results import LayerResult, Result, layer_in_words

#: Images shown for each unit.
IMAGES_PER_UNIT = 5

#: Told apart by the color-blind too (after Okabe and Ito); other categories take turns with the last ones.
CATEGORY_COLORS = {
    "object": "#0072b2",
    "part": "#56b4e9",
    "scene": "#009e73",
    "material": "#e69f00",
    "texture": "#d55e00",
    "color": "#cc79a7",
}
OTHER_COLORS = ("#7f7f7f", "#8c6d31", "#5254a3", "#637939")

#: A mask picture's palette: lit, its edge, the rest (red, green, blue, alpha).
_LIT, _EDGE, _REST = 0, 1, 2
_PALETTE = ((0, 0, 0, 0), (255, 226, 64, 235), (8, 10, 20, 150))


def page_data(result: Result) -> dict[str, Any]:
    """All that the page of ``result`` shows, as plain data."""
    colors = category_colors(result)
    layers = [_layer_data(layer, result, colors) for layer in result.layers.values()]
    shown = sorted({shot["image"] for layer in layers for card in layer["cards"] for shot in card["shots"]})
    return {
        "name": result.name,
        "facts": _facts(result),
        "notes": result.notes,
        "categories": [{"name": name, "color": color} for name, color in colors.items()],
        "layers": layers,
        "images": [_image_data(index, result.images[index].jpeg) for index in shown],
    }


def category_colors(result: Result) -> dict[str, str]:
    """A color for each category of the result."""
    names = next(iter(result.layers.values())).categories
    others = [name for name in names if name not in CATEGORY_COLORS]
    return {
        name: CATEGORY_COLORS[name] if name in CATEGORY_COLORS else OTHER_COLORS[others.index(name) % len(OTHER_COLORS)]
        for name in names
    }


def _image_data(index: int, jpeg: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(jpeg)) as image:
        width, height = image.size
    return {"index": index, "width": width, "height": height, "address": _address("jpeg", jpeg)}


def _facts(result: Result) -> list[tuple[str, str]]:
    model, data, options = (result.about[key] for key in ("model", "data", "options"))
    facts = [
        ("Network", model["name"]),
        ("Weights", model["weights"] or "as the network was given"),
        ("Data", f"{data['images']} images of {data['name']}"),
        ("Image size", "x".join(map(str, options["size"]))),
        ("Quantile", f"{options['quantile']:g}"),
        ("IoU cut", f"{options['iou_threshold']:g}"),
        ("Alignment", options["align"]),
    ]
    if (options["channels"], options["value_range"]) != ("rgb", 1):
        facts.insert(4, ("Input", f"{options['channels']}, 0 to {options['value_range']}"))
    return facts + ([("Categories", ", ".join(options["categories"]))] if options["categories"] else [])


def _layer_data(layer: LayerResult, result: Result, colors: dict[str, str]) -> dict[str, Any]:
    summary = layer.summary()
    return {
        "name": layer.layer,
        "units": layer.unit_count,
        "lies": layer_in_words(result.about["layers"][layer.layer]),
        "detectors": summary["by_label"]["detectors"],
        "unique": summary["by_label"]["unique"],
        "unique_by_category": summary["by_category"]["unique"],
        "counts": [
            {
                "category": category,
                "color": colors[category],
                "by_label": summary["by_label"]["categories"][category],
                "by_category": summary["by_category"]["categories"][category],
            }
            for category in layer.categories
        ],
        "groups": _bar_groups(layer, colors),
        "cards": _cards(layer, result, colors),
    }


def _bar_groups(layer: LayerResult, colors: dict[str, str]) -> list[dict[str, Any]]:
    """Detectors per concept, by label, grouped by category; the most frequent first."""
    detectors = layer.labels[layer.labels["is_detector"]]
    groups = []
    for category in layer.categories:
        counts = detectors[detectors["category"] == category].groupby("concept").size()
        pairs = sorted(
            ((str(name), int(count)) for name, count in counts.items()), key=lambda pair: (-pair[1], pair[0])
        )
        bars = [{"concept": name, "count": count} for name, count in pairs]
        if bars:
            groups.append({"category": category, "color": colors[category], "bars": bars})
    return groups


def _cards(layer: LayerResult, result: Result, colors: dict[str, str]) -> list[dict[str, Any]]:
    """A card per unit: the best label first, those without any label last."""
    label_shape = tuple(result.about["data"]["label_shape"])
    others = _detectors_beside_label(layer.units)
    rows = dict(zip(layer.labels["unit"].tolist(), layer.labels.itertuples(), strict=True))
    unnamed = [unit for unit in range(layer.unit_count) if unit not in rows]
    cards = []
    for unit in [*rows, *unnamed]:
        card: dict[str, Any] = {"unit": unit, "shots": _shots(layer, unit, result, label_shape), "label": None}
        if unit in rows:
            row: Any = rows[unit]
            card["label"] = {
                "concept": row.concept,
                "category": row.category,
                "color": colors[row.category],
                "iou": row.iou,
                "ceiling": row.iou_ceiling,
                "detector": bool(row.is_detector),
                "others": others.get(unit, []),
            }
        else:
            card["reason"] = layer.silent.get(unit, "overlaps no concept")
        cards.append(card)
    return cards


def _detectors_beside_label(units: pd.DataFrame) -> dict[int, list[dict[str, Any]]]:
    """Per unit its best concept in every other category where it is a detector too."""
    others: dict[int, list[dict[str, Any]]] = {}
    for row in units[units["is_detector"] & ~units["is_label"]].to_dict("records"):
        others.setdefault(row["unit"], []).append({key: row[key] for key in ("concept", "category", "iou")})
    return others


def _shots(layer: LayerResult, unit: int, result: Result, label_shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """The unit's top images, each with its mask."""
    count = min(IMAGES_PER_UNIT, layer.top_image.shape[1])
    maps = torch.from_numpy(layer.top_maps[unit, :count])
    level = torch.full((count,), float(layer.thresholds[unit]))
    told, size = result.about["layers"][layer.layer], result.about["options"]["size"]
    field = None if told["field"] is None else Field.from_plain(told["field"])
    align = alignment_of(told["align"], field, (size[0], size[1]))
    pictures = _mask_pictures(unit_masks(maps, level, (label_shape[0], label_shape[1]), align).numpy())
    return [
        {
            "image": int(layer.top_image[unit, rank]),
            "name": result.images[int(layer.top_image[unit, rank])].name,
            "activation": float(layer.top_activation[unit, rank]),
            "mask": _address("png", pictures[rank]),
        }
        for rank in range(count)
    ]


def _mask_pictures(masks: Bool[np.ndarray, "n sh sw"]) -> list[bytes]:
    """PNGs to lay over images: clear where the mask is, dark elsewhere, a bright line along the mask's edge."""
    inner = masks.copy()
    inner[:, 1:] &= masks[:, :-1]
    inner[:, :-1] &= masks[:, 1:]
    inner[:, :, 1:] &= masks[:, :, :-1]
    inner[:, :, :-1] &= masks[:, :, 1:]
    pictures = np.full(masks.shape, _REST, dtype=np.uint8)
    pictures[masks] = _EDGE
    pictures[inner] = _LIT
    return [_png(picture) for picture in pictures]


def _png(picture: UInt8[np.ndarray, "sh sw"]) -> bytes:
    image = Image.fromarray(picture, mode="P")
    image.putpalette([part for color in _PALETTE for part in color[:3]])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=2, compress_level=1, transparency=bytes(color[3] for color in _PALETTE))
    return buffer.getvalue()


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
