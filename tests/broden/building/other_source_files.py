"""Writes small trees of the other sources in their true layouts, straight from the formats' descriptions."""

import csv
import json

import numpy as np
from PIL import Image

GREY = (90, 90, 90)


def write_image(path, size=(4, 3), color=GREY):
    """An image of one color; ``size`` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def _write_rows(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


SUBSTANCES = {1: "Brick", 2: "Carpet/rug", 3: "Fabric/cloth", 4: "Plastic - clear", 45: "Wood - painted"}


def write_opensurfaces(root, reds, substances=SUBSTANCES, *, color=GREY):
    """Writes ``reds``, a map of red values per photo id, as ``process_opensurfaces_release_0.py`` leaves a release.

    Photos are twice as large as their label maps, whose green and blue hold objects and scenes.
    """
    (root / "photos-labels").mkdir(parents=True)
    header = ["photo_id", "scene_category_name", "scene_category_score", "whitebalanced", "whitebalanced_score", "fov"]
    header += ["flickr_url", "license_name", "license_is_creative_commons"]
    rows = [[photo, "kitchen", 0.7, True, 1.2, 60.5, "", "CC BY 2.0", True] for photo in reds]
    _write_rows(root / "photos.csv", header, rows)
    rows = [[100 + red, name, red] for red, name in substances.items()]
    _write_rows(root / "label-substance-colors.csv", ["substance_id", "substance_name", "red_color"], rows)
    for photo, red in reds.items():
        red = np.asarray(red, dtype=np.uint8)
        write_image(root / "photos" / f"{photo}.jpg", (2 * red.shape[1], 2 * red.shape[0]), color)
        pixels = np.stack([red, np.full_like(red, 77), np.full_like(red, 200)], axis=-1)
        Image.fromarray(pixels).save(root / "photos-labels" / f"{photo}.png")
    return root


def write_dtd(root, textures_of, *, color=GREY):
    """Writes the textures per image, a path such as ``banded/banded_0002.jpg``, a space after each as published."""
    (root / "labels").mkdir(parents=True)
    lines = [f"{image} {''.join(f'{texture} ' for texture in textures)}\n" for image, textures in textures_of.items()]
    (root / "labels" / "labels_joint_anno.txt").write_text("".join(lines))
    for image in textures_of:
        write_image(root / "images" / image, color=color)
    return root


def write_coco_json(root, name, images, categories, annotations, *, color=GREY):
    """Writes ``annotations/<name>.json`` and the images, (h, w) per file name, in the split's folder; returns its path.

    An annotation names its image by file (``image``) and its category by name (``category``), and has what else is
    given. ``categories`` are names by id. Image ids are no small numbers, as published.
    """
    ids = {file: 1000 * (place + 139) for place, file in enumerate(images)}
    numbers = {category: number for number, category in categories.items()}
    for place, annotation in enumerate(annotations):
        annotation.setdefault("image_id", ids[annotation.pop("image")])
        if "category" in annotation:
            annotation["category_id"] = numbers[annotation.pop("category")]
        annotation |= {"id": 70 + place}
    content = {
        "info": {"year": 2017},
        "licenses": [],
        "images": [
            {"license": 4, "file_name": file, "height": height, "width": width, "id": ids[file]}
            for file, (height, width) in images.items()
        ],
        "annotations": annotations,
        "categories": [{"supercategory": "thing", "id": id_, "name": category} for id_, category in categories.items()],
    }
    for file, (height, width) in images.items():
        write_image(root / name.rsplit("_", 1)[-1] / file, (width, height), color)
    path = root / "annotations" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_coco_instances(root, images, categories, annotations, name="instances_val2017", **options):
    """Writes instances, or with the name ``stuff_val2017`` stuff: annotations with a segmentation."""
    annotations = [{"iscrowd": 0, "area": 1.0, "bbox": [0, 0, 1, 1], **annotation} for annotation in annotations]
    return write_coco_json(root, name, images, categories, annotations, **options)


def write_coco_panoptic(root, ids, categories, segments, name="panoptic_val2017", **options):
    """Writes ``ids``, a map of segment ids per image file, and ``segments``, the category's name per segment id."""
    images, annotations = {}, []
    (root / "annotations" / name).mkdir(parents=True)
    numbers = {category: number for number, category in categories.items()}
    for file, pixels in ids.items():
        pixels = np.asarray(pixels)
        images[file] = pixels.shape
        png = file.replace(".jpg", ".png")
        colors = np.stack([pixels % 256, pixels // 256 % 256, pixels // 65536], axis=-1).astype(np.uint8)
        Image.fromarray(colors).save(root / "annotations" / name / png)
        shown = [int(number) for number in np.unique(pixels) if number]
        info = [{"id": n, "category_id": numbers[segments[n]], "iscrowd": 0} for n in shown if n in segments]
        annotations.append({"image": file, "file_name": png, "segments_info": info})
    return write_coco_json(root, name, images, categories, annotations, **options)


def write_voc(root, masks, *, color=GREY):
    """Writes ``masks``, class indices per image id, as palette PNGs with VOC's colors of the first indices."""
    palette = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128] + [0] * 750 + [224, 224, 192]
    for stem, mask in masks.items():
        mask = np.asarray(mask, dtype=np.uint8)
        write_image(root / "JPEGImages" / f"{stem}.jpg", mask.shape[::-1], color)
        image = Image.fromarray(mask, mode="P")
        image.putpalette(palette)
        (root / "SegmentationClass").mkdir(exist_ok=True)
        image.save(root / "SegmentationClass" / f"{stem}.png")
    return root


def write_imagefolder(root, files, *, color=GREY):
    """Writes images at the given paths below ``root``, such as ``dark_forest/a.jpg``."""
    root.mkdir(parents=True, exist_ok=True)
    for file in files:
        write_image(root / file, color=color)
    return root


def write_folder(root, masks, classes="index,name\n0,sky\n1,road\n2,car\n", *, color=GREY):
    """Writes ``masks``, class indices per stem, with an image of the same size, and ``classes.csv``."""
    (root / "labels").mkdir(parents=True)
    (root / "classes.csv").write_text(classes)
    for stem, mask in masks.items():
        mask = np.asarray(mask, dtype=np.uint8)
        Image.fromarray(mask).save(root / "labels" / f"{stem}.png")
        write_image(root / "images" / f"{stem}.jpg", mask.shape[::-1], color)
    return root
