"""One model through an evaluation: whatever fails is its own failure, and the others go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.backends.backend import BackendRefusedError
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.composing.places import ResultPlaces, choose_places, make_model_slug
from imagenet_g.benchmark.composing.result_builder import ResultBuilder
from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.benchmark.evaluation.model_run import ModelRun
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.entry_notes import require_scored
from imagenet_g.benchmark.predictions.evidence import Evidence, make_evidence, select_twin, select_view
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import FeaturesRecord, PredictionsRecord, Result
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.storage import replace_file

if TYPE_CHECKING:
    from imagenet_g.benchmark.inference.running_model import InferenceOutcome, InferenceTask

BYTES_A_WEIGHT = 8
"""float32, once as loaded and once as some backends compile it."""


class ModelEvaluation:
    """A model, what was found of it so far, and why it failed.

    Args:
        run: The model's predictions.
        request: What is evaluated.
        splits: The images, by reference without a view.
        listener: Takes what the user should read.

    Attributes:
        run: The model's predictions.
        request: What is evaluated.
        splits: The images, by reference without a view.
        error: Why it failed; None while it did not.
    """

    def __init__(
        self,
        run: ModelRun,
        request: EvaluationRequest,
        splits: Mapping[str, Split],
        listener: EvaluationListener,
    ) -> None:
        self.run = run
        self.error: ImagenetGError | None = None
        self.request = request
        self.splits = splits
        self._listener = listener
        self._builder: ResultBuilder | None = None
        self._places: ResultPlaces | None = None
        self._written: tuple[Result, Path] | None = None
        self._chosen = False
        self._features: dict[str, FeaturesRecord] = {}

    def start(self) -> None:
        """Find out which model it is, and what runs it."""
        with self.drop_out():
            record = self.load_declared()
            self.choose_backend()
            self._places = choose_places(self.request.out, self.make_slug(), record.spec, self.splits)
            self._builder = ResultBuilder(
                record,
                self.request.make_scoring_plan(),
                find_twin=self._find_twin,
                say=self._listener.say,
            )

    def load_declared(self) -> ModelRecord:
        """Which model it is, with what is declared about its training.

        Raises:
            ImagenetGError: It cannot be loaded.
        """
        return self.request.declaration.apply(self.run.load_record())

    def choose_backend(self) -> None:
        """Decide what runs the model, once.

        Raises:
            ImagenetGError: The backend that was asked for cannot run it.
        """
        if not self._chosen:
            self.run.choose_backend(self.splits.values(), limit=self.request.limit)
            self._chosen = True

    def make_slug(self) -> str:
        """Folder name of the model.

        Raises:
            ImagenetGError: It cannot be loaded.
        """
        return make_model_slug(self.load_declared(), dtype=self.request.settings.dtype)

    def fall_back(self) -> bool:
        """Begin again with PyTorch, where a backend that nobody asked for refused the model."""
        if not isinstance(self.error, BackendRefusedError):
            return False
        name = self.run.request.requested
        if not self.run.fall_back():
            self.error = ModelError(f"OpenVINO cannot run '{name}': {self.error}. Use --backend torch.")
            return False
        way = "uncompiled" if self.request.settings.compile else "by PyTorch and not by OpenVINO"
        self._listener.say(f"'{name}' runs {way}: {self.error}.")
        self.error = None
        self.start()
        return True

    def estimate_bytes(self) -> int:
        """Memory for the weights of the model; 0 where all its predictions are there, or it has failed."""
        if self.error is not None:
            return 0
        with self.drop_out():
            if not all(map(self.is_stored, self.splits.values())):
                return self.run.load_record().num_parameters * BYTES_A_WEIGHT
        return 0

    def is_stored(self, split: Split) -> bool:
        """Whether a file of predictions on a split is there, unread.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        return self.run.is_cached(split, limit=self.request.limit)

    def has_predictions(self, split: Split, class_sets: Mapping[str, ClassSet]) -> bool:
        """Whether nothing of a split is left to be computed.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        return self.run.look_up(split, class_sets, limit=self.request.limit)

    def make_task(self, split: Split, class_sets: Mapping[str, ClassSet]) -> InferenceTask:
        """What is left to be computed of a split.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        return self.run.make_task(split, class_sets, limit=self.request.limit)

    def keep(self, outcome: InferenceOutcome, split: Split, class_sets: Mapping[str, ClassSet]) -> None:
        """Keep what was computed.

        Raises:
            StorageError: It cannot be written.
        """
        meta = self.run.make_meta(outcome, split, class_sets, self.request.limit)
        self.run.keep(outcome.predictions, meta)

    def add(self, ref: SplitRef) -> None:
        """Score a split or a clean set, whose predictions are there."""
        with self.drop_out():
            builder, places = self._require_start()
            builder.add(str(ref), self._gather(ref, places))

    def finish(self) -> None:
        """Write the result."""
        if self.error is None:
            with self.drop_out():
                builder, places = self._require_start()
                self._written = builder.write(places.folder, data=self.request.data)

    def make_outcome(self) -> EvaluationOutcome:
        """What became of it."""
        result, path = self._written or (None, None)
        return EvaluationOutcome(
            requested=self.run.request.requested,
            result=result,
            path=path,
            error=self.error,
            computed=self.run.computed,
        )

    @contextmanager
    def drop_out(self) -> Iterator[None]:
        """Keep an error as this model's own."""
        try:
            yield
        except ImagenetGError as error:
            self.error = error

    def _require_start(self) -> tuple[ResultBuilder, ResultPlaces]:
        if self._builder is None or self._places is None:
            raise RuntimeError("`start` comes first")
        return self._builder, self._places

    def _find_twin(self, whole: Evidence, found: Evidence) -> Evidence:
        by_ref = {split.record.ref: split for split in self.splits.values()}
        return select_twin(whole, by_ref[whole.record.base_ref], found)

    def _write_features(self, ref: SplitRef, places: ResultPlaces) -> FeaturesRecord | None:
        if not self.request.settings.keep_features:
            return None
        file = places.files[ref.base].replace("predictions/", "features/", 1)
        # Once for a split, whatever number of its views are scored.
        if file not in self._features:
            split, limit = self.splits[ref.base], self.request.limit
            self._features[file] = self.run.write_features(places.folder, file, split, limit=limit)
        return self._features[file]

    def _gather(self, ref: SplitRef, places: ResultPlaces) -> Evidence:
        split = self.splits[ref.base]
        predictions, meta, cached = self.run.load_predictions(split, limit=self.request.limit)
        require_scored(split.record.ref, predictions)
        file = places.folder / places.files[ref.base]
        with replace_file(file) as temporary:
            # A copy and no link: the cache may be emptied, and a result must stay whole.
            shutil.copyfile(cached, temporary)
        source = PredictionsRecord(
            file=places.files[ref.base],
            sha256=hash_file(file),
            run=meta.run,
            features=self._write_features(ref, places),
        )
        evidence = make_evidence(split, predictions, meta, source)
        return evidence if ref.view is None else select_view(evidence, split, ref.view)
