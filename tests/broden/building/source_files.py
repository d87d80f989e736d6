"""Writes small trees of ADE20K and Pascal as their publishers lay them out, straight from the formats' descriptions."""

import numpy as np
from PIL import Image
from scipy.io import savemat

#: In the style of the published file, with each of its constructs, but fewer classes and parts.
PART2IND = """\
function pimap = part2ind()
% Says which number each part of an object has. \n\
% Parts that are to be merged get the same number, such as both feet of a person:
% pimap{15}('lfoot')      = 30;               % left foot
% pimap{15}('rfoot')      = 30;               % right foot

pimap = cell(20, 1);                    \n\
for ii = 1:20
    pimap{ii} = containers.Map('KeyType','char','ValueType','int32');
end

% [aeroplane]
pimap{1}('body')        = 1;                \n\
pimap{1}('lwing')       = 3;                % left wing
pimap{1}('rwing')       = 4;                % right wing
for ii = 1:3
    pimap{1}(sprintf('engine_%d', ii)) = 10+ii; % multiple engines
end

% [bicycle]
pimap{2}('fwheel')      = 1;                % front wheel
pimap{2}('bwheel')      = 2;                % back wheel
pimap{2}('chainwheel')  = 5;                \t% chain wheel    \n\
for ii = 1:10
    pimap{2}(sprintf('headlight_%d', ii)) = 10 + ii;
end

% [boat]
% only has silhouette mask \n\

% [bus]
pimap{6}('frontside')   = 1;
pimap{6}('roofside')    = 5;
pimap{6}('leftmirror')  = 6;
pimap{6}('rightmirror') = 7;
pimap{6}('fliplate')    = 8;                % front license plate
for ii = 1:2
    pimap{6}(sprintf('door_%d',ii)) = 10 + ii;
end

% [car]
keySet = keys(pimap{6});
valueSet = values(pimap{6});
pimap{7} = containers.Map(keySet, valueSet);         % what a bus has, a car has

% [chair]
% only has sihouette mask \n\

% [cow]
pimap{10}('head')       = 1;
pimap{10}('lhorn')      = 7;                % left horn
pimap{10}('rhorn')      = 8;                % right horn
pimap{10}('lfuleg')     = 11;               % left front upper leg

% [horse]
keySet = keys(pimap{10});
valueSet = values(pimap{10});
pimap{13} = containers.Map(keySet, valueSet);        \t% what a cow has, a horse has, \n\
                                            \t\t% except
                                            \t\t% horns
remove(pimap{13}, {'lhorn', 'rhorn'});
pimap{13}('lfho') = 30;
pimap{13}('rbho') = 33;

% [motorbike]
pimap{14}('fwheel')     = 1;

% [person]
pimap{15}('llarm')      = 13;                   % left lower arm
pimap{15}('luarm')      = 14;                   % left upper arm

pimap{15}('lfoot')      = 21;               \t% left foot

% [train]
pimap{19}('head')       = 1;
pimap{19}('hfrontside') = 2;                \t% head front side                \n\
pimap{19}('hroofside')  = 6;                \t% head roof side

for ii = 1:2
    pimap{19}(sprintf('coach_%d',ii)) = 20 + ii;
end

for ii = 1:2
    pimap{19}(sprintf('croofside_%d', ii)) = 70 + ii;   % coach roof side
end

"""

#: The labels of the parts above: those of one object class that differ in nothing but their position are one.
PART_LABELS = {
    1: "body",  # of an airplane
    2: "wing",
    3: "engine",
    4: "wheel",  # of a bicycle
    5: "chain wheel",
    6: "headlight",
    7: "roof",  # of a bus; its front side is unlabelled
    8: "mirror",
    9: "license plate",
    10: "door",
    11: "roof",  # of a car
    12: "mirror",
    13: "license plate",
    14: "door",
    15: "head",  # of a cow
    16: "horn",
    17: "leg",
    18: "head",  # of a horse
    19: "leg",
    20: "hoof",
    21: "wheel",  # of a motorbike
    22: "arm",  # of a person
    23: "foot",
    24: "head",  # of a train, front side and all
    25: "head roof",
    26: "coach",
    27: "coach roof",
}

LABELS = {1: "accordion", 2: "aeroplane", 25: "bicycle", 284: "pole", 431: "unknown", 459: "yoga mat"}


def write_ade20k(root, images, classes, *, across=True):
    """Writes the release's folder into ``root`` and gives it back.

    ``classes`` are the entries of ``objectnames``. Each of ``images`` has ``name`` (``ADE_train_00000001``), ``scene``,
    ``objects``, class numbers ``(h, w)``, and perhaps ``parts``, a list of such. The index holds its texts in rows, or
    in columns unless ``across``.
    """
    release = root / "ADE20K_2016_07_26"
    folders = []
    for image in images:
        scene = image["scene"]
        place = "outliers" if scene.startswith("~") else f"{scene[0]}/{scene.replace(' - ', '/')}"
        split = "validation" if "_val_" in image["name"] else "training"
        folders.append(f"ADE20K_2016_07_26/images/{split}/{place}")
        folder = root / folders[-1]
        folder.mkdir(parents=True, exist_ok=True)
        write_jpeg(folder / f"{image['name']}.jpg", np.shape(image["objects"]))
        write_classes(folder / f"{image['name']}_seg.png", image["objects"])
        for layer, parts in enumerate(image.get("parts", ()), 1):
            write_classes(folder / f"{image['name']}_parts_{layer}.png", parts)
        (folder / f"{image['name']}_atr.txt").write_text('001 # 0 # 0 # door # double door # ""\n')
    release.mkdir(exist_ok=True)
    write_ade20k_index(
        release / "index_ade20k.mat",
        {
            "filename": [f"{image['name']}.jpg" for image in images],
            "folder": folders,
            "scene": [image["scene"] for image in images],
            "objectnames": classes,
        },
        across=across,
    )
    return release


def write_ade20k_index(path, texts, *, across=True):
    """Writes the index with these fields of texts, and with some that the builder does not need."""
    count, classes = len(texts.get("filename", ())), len(texts.get("objectnames", ()))
    index = {field: cells(entries, across=across) for field, entries in texts.items()}
    index["typeset"] = np.ones((count, 1))
    index["objectPresence"] = np.ones((classes, count), dtype=np.uint8)
    index["objectcounts"] = np.ones((classes, 1))
    savemat(path, {"index": index}, do_compression=True)


def write_classes(path, classes):
    """A PNG of ADE20K: red and green hold the class, blue some number of an instance."""
    classes = np.asarray(classes)
    instances = np.arange(classes.size).reshape(classes.shape) % 256
    Image.fromarray(np.stack([classes // 256 * 10, classes % 256, instances], axis=-1).astype(np.uint8)).save(path)


def write_pascal(root, images, *, labels=LABELS, part2ind=PART2IND):
    """Writes Pascal into ``root`` and gives it back.

    ``images`` has, per id (``2008_000002``), perhaps ``context``, label numbers ``(h, w)``, and perhaps ``objects``,
    a list of those: class name, class number, mask ``(h, w)`` and a list of parts, each a key and a mask ``(h, w)``.
    """
    for folder in ("VOC2010/JPEGImages", "part/Annotations_Part", "context/trainval"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "part" / "part2ind.m").write_text(part2ind)
    (root / "context" / "labels.txt").write_text("".join(f"{number}: {name}\n" for number, name in labels.items()))
    for name, image in images.items():
        shape = np.shape(image["context"] if "context" in image else image["objects"][0][2])
        write_jpeg(root / "VOC2010" / "JPEGImages" / f"{name}.jpg", shape)
        if "context" in image:
            path = root / "context" / "trainval" / f"{name}.mat"
            savemat(path, {"LabelMap": image["context"]}, do_compression=True)
        if "objects" in image:
            write_parts(root / "part" / "Annotations_Part" / f"{name}.mat", image["objects"])
    return root


def write_parts(path, objects):
    """An annotation of Pascal-Part; lists of objects or parts without any are stored as ``(1, 0)`` and ``(0, 0)``."""
    things = [
        {
            "class": name,
            "class_ind": np.uint8(number),
            "mask": np.asarray(mask, dtype=np.uint8),
            "parts": structs(
                [{"part_name": key, "mask": np.asarray(part, dtype=np.uint8)} for key, part in parts],
            )
            if parts
            else np.zeros((0, 0)),
        }
        for name, number, mask, parts in objects
    ]
    found = structs(things) if things else np.zeros((1, 0), dtype=[("class", object), ("parts", object)])
    savemat(path, {"anno": {"imname": path.stem, "objects": found}}, do_compression=True)


def structs(rows):
    """A row of structs with these fields."""
    found = np.zeros((1, len(rows)), dtype=[(field, object) for field in rows[0]])
    for place, row in enumerate(rows):
        found[0, place] = tuple(row.values())
    return found


def cells(entries, *, across=True):
    """A cell array, a row or a column."""
    found = np.empty((1, len(entries)) if across else (len(entries), 1), dtype=object)
    found.ravel()[:] = entries
    return found


def write_jpeg(path, shape):
    """An image ``(h, w)`` of any colors."""
    noise = np.random.default_rng(len(path.stem)).integers(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
