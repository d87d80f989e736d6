"""Dissections of a network while it is trained."""

import inspect
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

from netdissect.concepts import ConceptDataset
from netdissect.experiments.series.preserve_training_state import preserve_training_state, unwrapped
from netdissect.experiments.series.steps import StepWriter, step_folder
from netdissect.numbers import whole_number
from netdissect.pipeline import dissect
from netdissect.results import Result, check_free
from netdissect.types import NetdissectError

#: The source of the steps' numbers.
_BY_TRAINING = "the training itself"

#: Options of ``dissect`` that are the monitor's own, or that would move a network that is being trained.
_NOT_OPTIONS = ("model", "layers", "data", "name", "out", "overwrite", "resume", "device")


@runtime_checkable
class ScalarWriter(Protocol):
    """A logger of numbers, such as TensorBoard's ``SummaryWriter``."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> object:
        """Log a number."""
        ...


class TrainingMonitor:
    """Dissects a network at regular steps of its training, and leaves the training unchanged.

    monitor = TrainingMonitor("layer4", "broden1_224", every=500, out="series", writer=SummaryWriter())
    for step, batch in enumerate(batches):
        monitor(model, step)
        ...

    Modes, gradients, buffers, hooks, random states and torch's settings are restored, also after an error. So the
    training ends with the same weights as without dissections. Other state of modules is not restored: plain attributes
    that ``forward`` changes, and the effects of forward hooks, which are called. ``summaries`` has the counts of each
    step (see ``Result.summary``).

    Args:
        layers: the layers to dissect, as in ``dissect``, by their names in the network itself, without the wrapper of
            ``torch.compile``, ``DataParallel`` or ``DistributedDataParallel``.
        data: concepts, as in ``dissect``.
        every: a step is due if it is a multiple of this.
        out: a directory to save a series in, a run for each step (see ``Series``). None: nothing is saved.
        writer: a TensorBoard ``SummaryWriter``. It logs ``netdissect/LAYER/unique/CATEGORY`` (counted by category) and
            ``netdissect/LAYER/detectors/CATEGORY`` (counted by label), also for ``all`` categories together.
        overwrite: replace the series in ``out``, once the first step of the new one is there.
        resume: go on with the series in ``out``. A step that is dissected again replaces the earlier run.
        options: those of ``dissect``; no progress is shown unless asked for. The network stays on its device.

    Raises:
        NetdissectError: bad options; an ``out`` that cannot take a series.
    """

    def __init__(
        self,
        layers: str | Sequence[str],
        data: ConceptDataset | str | Path = "scenes",
        *,
        every: int = 100,
        out: str | Path | None = None,
        writer: ScalarWriter | None = None,
        overwrite: bool = False,
        resume: bool = False,
        **options: Any,
    ) -> None:
        known = [name for name in inspect.signature(dissect).parameters if name not in _NOT_OPTIONS]
        for name in options:
            if name not in known:
                raise NetdissectError(f"no option {name!r} of dissecting in a training: there are {', '.join(known)}")
        self.layers = layers
        self.data = data
        self.every = whole_number(every, "number of steps")
        self.out = None if out is None else Path(out)
        self.writer = writer
        self.options = {"progress": False} | options
        self.summaries: dict[int, dict[str, Any]] = {}
        self._steps: StepWriter | None = None
        if self.out is not None:
            self._steps = StepWriter(self.out, _BY_TRAINING, overwrite=overwrite, resume=resume)

    def __call__(self, model: nn.Module, step: int) -> Result | None:
        """Dissect the network if the step is due (see ``is_due``); else return None."""
        return self.dissect(model, step) if self.is_due(step) else None

    def is_due(self, step: int) -> bool:
        """Return whether the step is a multiple of ``every``, and has not been dissected yet."""
        return step % self.every == 0 and step not in self.summaries

    def dissect(self, model: nn.Module, step: int) -> Result:
        """Dissect the network at any step. Raises ``NetdissectError`` as ``dissect`` does."""
        network, step = unwrapped(model), whole_number(step, "step", least=0)
        with preserve_training_state(network):
            result = self._dissect(network, step) if self._steps is None else self._saved(self._steps, network, step)
            self.summaries[step] = result.summary()
            if self.writer is not None:
                _log(self.writer, self.summaries[step], step)
        return result

    def _dissect(self, network: nn.Module, step: int, **target: Any) -> Result:
        return dissect(network, self.layers, self.data, name=f"step {step}", **target, **self.options)

    def _saved(self, steps: StepWriter, network: nn.Module, step: int) -> Result:
        """Dissect into a folder beside the step's own, whose run stays if the new run does not fit the series."""
        folder = steps.out / step_folder(step)
        if folder.exists():
            check_free(folder, overwrite=True)
        beside = folder.with_name(f"{folder.name}.new")
        try:
            result = self._dissect(network, step, out=beside / "run", overwrite=True)
            steps.note(step, result, beside / "run")
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return result


def _log(writer: ScalarWriter, summary: Mapping[str, Any], step: int) -> None:
    for layer in summary["layers"]:
        by_label, by_category = layer["by_label"], layer["by_category"]
        counts = {
            "unique/all": by_category["unique"],
            "detectors/all": by_label["detectors"],
            **{f"unique/{name}": numbers["unique"] for name, numbers in by_category["categories"].items()},
            **{f"detectors/{name}": numbers["detectors"] for name, numbers in by_label["categories"].items()},
        }
        for name, count in counts.items():
            writer.add_scalar(f"netdissect/{layer['layer']}/{name}", count, step)
