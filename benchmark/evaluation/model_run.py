"""One model through its splits: loaded only when something must be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.backends.choosing import (
    choose_backend,
    choose_settings,
    list_candidates,
    name_backend,
)
from imagenet_g.benchmark.backends.settings import BackendName, InferenceSettings, RunSettings
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.composing.row_shares import RowShare
from imagenet_g.benchmark.environment import count_cores
from imagenet_g.benchmark.evaluation.cache import Cache, make_predictions_key
from imagenet_g.benchmark.evaluation.loading import ModelLoader
from imagenet_g.benchmark.evaluation.memos import require_features
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.evaluation.run_facts import (
    format_run_notice,
    make_meta,
    make_run_record,
    note_features,
)
from imagenet_g.benchmark.evaluation.selection import choose_rows, clip_limit, count_rows
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import FeaturesRecord
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from imagenet_g.benchmark.features.model_features import ModelFeatures
    from imagenet_g.benchmark.features.row_store import KeptRows
    from imagenet_g.benchmark.inference.running_model import InferenceOutcome, InferenceTask


class ModelRun:
    """A requested model, its predictions from the cache or computed.

    Attributes:
        computed: How many splits had to be run.
    """

    def __init__(
        self, request: ModelRequest, settings: RunSettings, cache: Cache, listener: EvaluationListener
    ) -> None:
        self.request = request
        self.settings = settings
        self.cache = cache
        self.listener = listener
        self.computed = 0
        # The one that runs the model comes first.
        self._backends: tuple[BackendName, ...] = ("torch",)
        self._found: dict[str, tuple[Predictions, PredictionsMeta]] = {}
        self._said: set[str] = set()
        self._loader = ModelLoader(request, settings, cache, listener)

    def load_record(self) -> ModelRecord:
        """Which model this is, without loading it when an earlier run remembered it.

        Raises:
            ImagenetGError: It cannot be loaded, or has no features to keep.
        """
        if self.settings.keep_features:
            self._require_features()
        return self._loader.load_memo().record

    def choose_backend(self, splits: Iterable[Split], *, limit: int | None) -> None:
        """Decide what runs the model, from all that it has to do.

        Raises:
            ImagenetGError: The model cannot be loaded, or the backend that was asked for cannot run it.
        """
        memo, asked = self._loader.load_memo(), self.settings
        wanted = "torch" if asked.compile else asked.backend
        self._backends = found = list_candidates(wanted, dtype=asked.dtype, device=memo.device)
        missing = [split for split in splits if not self.is_cached(split, limit=limit)]
        # Parts of an interrupted run are of one backend, and its rest goes on with it.
        begun = [
            backend
            for split in missing
            for backend, (key, name) in zip(found, self._list_keys(split, limit=limit), strict=True)
            if self._has_begun(split, key, name)
        ]
        chosen = choose_backend(
            begun[:1] or found,
            num_rows=sum(count_rows(split, limit) for split in missing),
            num_parameters=memo.record.num_parameters,
            num_cores=count_cores(),
        )
        # What another one has finished is an answer as well: all of them give those of float32.
        self._backends = (chosen, *(backend for backend in found if backend != chosen))

    def fall_back(self) -> bool:
        """Run the model by PyTorch as it is from now on; whether it may, as OpenVINO was not named."""
        if self.settings.compile:
            self.settings = replace(self.settings, compile=False)
            self._found.clear()
            return True
        if self.settings.backend != "auto" or self._backends == ("torch",):
            return False
        self._backends = ("torch",)
        self._found.clear()
        return True

    def look_up(self, split: Split, class_sets: Mapping[str, ClassSet], *, limit: int | None) -> bool:
        """Whether the predictions on a split are there already, from an earlier run.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        for key, name in self._list_keys(split, limit=limit):
            if key not in self._found:
                self._find(key, name, split, class_sets, limit=limit)
            if key in self._found:
                return True
        return False

    def is_cached(self, split: Split, *, limit: int | None) -> bool:
        """Whether predictions on a split lie in the cache, or features that they follow from."""
        return any(
            (self.cache.predictions_path(key).exists() and not self.settings.keep_features)
            or self._find_kept(name, split, limit) is not None
            for key, name in self._list_keys(split, limit=limit)
        )

    def make_key(self, split: Split, *, limit: int | None) -> str:
        """Cache key of the predictions on a split by the backend that runs the model.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        return self._list_keys(split, limit=limit)[0][0]

    def _list_keys(self, split: Split, *, limit: int | None) -> list[tuple[str, str]]:
        """A key for each backend whose finished predictions are an answer, and the backend's name."""
        memo = self._loader.load_memo()
        names = [name_backend(one, memo.device, compiled=self.settings.compile) for one in self._backends]
        limit = clip_limit(split, limit)
        return [(make_predictions_key(memo, split, limit=limit, backend=name), name) for name in names]

    def load_predictions(
        self, split: Split, *, limit: int | None
    ) -> tuple[Predictions, PredictionsMeta, Path]:
        """Predictions that were looked up or computed, once, and the cached file that holds them."""
        key = next(key for key, _ in self._list_keys(split, limit=limit) if key in self._found)
        # Taken out, because many splits of many models are more than memory should hold.
        found = self._found.pop(key)
        self._say_once(format_run_notice(self.request.requested, found[1].run))
        return (*found, self.cache.predictions_path(key))

    def make_task(
        self,
        split: Split,
        class_sets: Mapping[str, ClassSet],
        *,
        limit: int | None,
        share: RowShare | None = None,
    ) -> InferenceTask:
        """What has to be done on a split, or on a share of its rows.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        from imagenet_g.benchmark.inference.running_model import InferenceTask

        key, name = self._list_keys(split, limit=limit)[0]
        bounds = None if share is None else self.find_bounds(split, limit=limit, share=share)
        task = InferenceTask(
            classifier=self._loader.load_classifier(),
            class_sets=class_sets,
            settings=self._choose_settings() if share else self._tune_settings(),
            parts=self.cache.open_parts(key, class_sets, bounds=bounds),
            bounds=bounds,
            kept=self._loader.open_kept(),
        )
        if not self.settings.keep_features:
            return task
        return self._require_features().prepare(task, name, split, choose_rows(len(split.rows), limit))

    def release(self) -> None:
        """Let go of the model, which is loaded again should more be asked of it."""
        self._loader.release()

    def find_bounds(self, split: Split, *, limit: int | None, share: RowShare) -> tuple[int, int]:
        """First row of a share, and the row behind its last one."""
        return share.find_bounds(count_rows(split, limit), self._choose_settings().batch_size)

    def make_meta(
        self, outcome: InferenceOutcome, split: Split, class_sets: Mapping[str, ClassSet], limit: int | None
    ) -> PredictionsMeta:
        """What the predictions of a pass are."""
        key, name = self._list_keys(split, limit=limit)[0]
        kept = self._find_kept(name, split, limit) if self.settings.keep_features else None
        run = make_run_record(outcome, backend=name, scheme=self.request.spec.scheme)
        if kept is not None:
            run = note_features(run, kept, choose_rows(len(split.rows), limit), reused=False)
        record, limit = self._loader.load_memo().record, clip_limit(split, limit)
        return make_meta(record, split, run, class_sets=class_sets, limit=limit, key=key)

    def keep(self, predictions: Predictions, meta: PredictionsMeta) -> None:
        """Put the predictions of a pass into the cache.

        Raises:
            StorageError: The cache cannot be written.
        """
        self.computed += 1
        self.cache.write_predictions(predictions, meta)
        self._found[meta.key] = predictions, meta

    def write_features(self, folder: Path, file: str, split: Split, *, limit: int | None) -> FeaturesRecord:
        """Write the kept features of a split beside a result, as `ModelFeatures.write`."""
        rows = choose_rows(len(split.rows), limit)
        names = [name for _, name in self._list_keys(split, limit=limit)]
        return self._require_features().write(
            folder, file, split, rows, backends=names, limit=clip_limit(split, limit)
        )

    def _find(
        self, key: str, name: str, split: Split, class_sets: Mapping[str, ClassSet], *, limit: int | None
    ) -> None:
        found = self.cache.load_predictions(key, class_sets)
        # Not asked for where the answer is there: a cached answer imports no torch.
        unsure = found is None or self.settings.keep_features
        kept = self._find_kept(name, split, limit) if unsure else None
        if found is None and kept is not None:
            found = self._reuse(key, name, kept, split, class_sets, limit=limit)
        if found is not None and (kept is not None or not unsure):
            self._found[key] = found

    def _reuse(
        self,
        key: str,
        name: str,
        kept: KeptRows,
        split: Split,
        class_sets: Mapping[str, ClassSet],
        *,
        limit: int | None,
    ) -> tuple[Predictions, PredictionsMeta]:
        """Predictions that follow from kept features, put into the cache."""
        from imagenet_g.benchmark.features.model_features import make_outcome

        rows, limit = choose_rows(len(split.rows), limit), clip_limit(split, limit)
        model = f"'{self.request.requested}' on {split.record.ref}"
        self.listener.say(f"{model}: computed from kept features; no image is encoded.")
        classifier, settings = self._loader.load_classifier(), self._choose_settings()
        outcome = make_outcome(classifier, split, rows, kept, class_sets, settings=settings)
        run = make_run_record(outcome, backend=name, scheme=self.request.spec.scheme)
        run = note_features(run, kept, rows, reused=True)
        record = self._loader.load_memo().record
        meta = make_meta(record, split, run, class_sets=class_sets, limit=limit, key=key)
        self.cache.write_predictions(outcome.predictions, meta)
        return outcome.predictions, meta

    def _require_features(self) -> ModelFeatures:
        return require_features(self._loader.load_memo(), self.cache.folder, self.request.requested)

    def _find_kept(self, name: str, split: Split, limit: int | None) -> KeptRows | None:
        if self._loader.load_memo().tower_sha256 is None:
            return None
        return self._require_features().find(name, split, choose_rows(len(split.rows), limit))

    def _has_begun(self, split: Split, key: str, name: str) -> bool:
        if self.settings.keep_features:
            return self._require_features().has_some(name, split)
        return self.cache.has_parts(key)

    def _say_once(self, notice: str | None) -> None:
        # The same holds for each of many splits.
        if notice is not None and notice not in self._said:
            self._said.add(notice)
            self.listener.say(notice)

    def _tune_settings(self) -> InferenceSettings:
        """As `_choose_settings`, on CUDA with the batch size at which the model is fastest.

        Not for a share of the rows, whose bounds follow from the batch size and must be those of all jobs.
        """
        settings = self._choose_settings()
        if self.settings.batch_size or not settings.device.startswith("cuda"):
            return settings
        from imagenet_g.benchmark.backends.streamed_backend import find_batch_size

        classifier, memo = self._loader.load_classifier(), self._loader.load_memo()
        folder = self.cache.folder / "batch-sizes"
        size = find_batch_size(classifier, settings, folder=folder, identity=memo.hash_module())
        return replace(settings, batch_size=size)

    def _choose_settings(self) -> InferenceSettings:
        from imagenet_g.benchmark.devices import choose_device

        device = choose_device(self.settings.device)
        return choose_settings(self.settings, backend=self._backends[0], device=device)
