"""Notes for the reader of a result, a line each."""

from collections.abc import Mapping, Sequence

from netdissect.bases import BasisView, layers_of
from netdissect.networks.load import LoadedModel
from netdissect.results import LayerResult
from netdissect.settings import Settings


def notes_of(
    loaded: LoadedModel,
    views: Sequence[BasisView],
    results: Mapping[str, LayerResult],
    settings: Settings,
    images: int,
    skipped: Sequence[str],
) -> list[str]:
    """Return the notes of a run on ``images`` images, ``skipped`` of which were left out for the reasons given."""
    notes = []
    if loaded.is_random:
        notes.append("the network has random weights: --weights FILE or DEFAULT gives it trained ones")
    notes += _stretched(views, settings)
    # Of a layer in several bases the first speaks for all: for rotations it would be the same many times.
    first = {view.layer.name: view.name for view in reversed(views)}
    notes += [note for name in reversed(first.values()) for note in results[name].notes()]
    if skipped:
        notes.append(
            f"{len(skipped)} of {images} images were left out, since they cannot be read; the first: {skipped[0]}"
        )
    return notes


def _stretched(views: Sequence[BasisView], settings: Settings) -> list[str]:
    """Return a note for each reason why maps do not lie at their receptive fields; vectors have no position."""
    reasons: dict[str, list[str]] = {}
    for layer in layers_of(views):
        if layer.field is None and layer.layout.name != "nu" and settings.align == "receptive":
            reasons.setdefault(layer.no_field, []).append(layer.name)
    return [
        f"maps of {', '.join(layers)} are stretched over the image, since no receptive field is known: {reason}"
        for reason, layers in reasons.items()
    ]
