"""One model through its splits: loaded only when something must be computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.benchmark.evaluation.cache import Cache, make_predictions_key
from imagenet_g.benchmark.evaluation.memos import ModelMemo, hash_model_request, make_memo
from imagenet_g.benchmark.evaluation.run_facts import format_run_notice, make_run_record
from imagenet_g.benchmark.evaluation.selection import clip_limit
from imagenet_g.benchmark.fingerprints.kept_hashes import KeptHashes
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.libraries import find_library
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, StoredClassSet
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from imagenet_g.benchmark.backends.settings import InferenceSettings
    from imagenet_g.benchmark.inference.running_model import InferenceOutcome, InferenceTask

MEMORY_FORMAT = "channels-last"
"""Convolutions run up to twice as fast with it; other layers are not affected."""
DEFAULT_BATCH_SIZES = {"cpu": 8, "cuda": 256, "mps": 64}
"""On a CPU larger batches outgrow its caches and are slower (`make bench` shows it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How to run, as requested.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "float32", "bfloat16" or "float16".
        batch_size: Images per forward pass; None for the device's default.
        workers: Threads that decode images; None for one a core, at most 8.
    """

    device: str = "auto"
    dtype: str = "float32"
    batch_size: int | None = None
    workers: int | None = None


class EvaluationListener(Protocol):
    """Receives the progress of a run."""

    def say(self, text: str) -> None:
        """A message for the user."""

    def start_split(self, model: str, split: str) -> None:
        """A split is about to be run."""

    def start_prompts(self, model: str) -> None:
        """The prompts of a zero-shot model are about to be encoded."""

    def advance(self, done: int, total: int) -> None:
        """So many of its images, or prompts, are done."""


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
        self._found: dict[str, tuple[Predictions, PredictionsMeta]] = {}
        self._said: set[str] = set()
        self._shows_prompts = False
        self._classifier: Classifier | None = None
        self._memo: ModelMemo | None = None

    def load_record(self) -> ModelRecord:
        """Which model this is, without loading it when an earlier run remembered it.

        Raises:
            ImagenetGError: It cannot be loaded.
        """
        return self._load_memo().record

    def look_up(self, split: Split, class_sets: Mapping[str, ClassSet], *, limit: int | None) -> bool:
        """Whether the predictions on a split are there already, from an earlier run.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        key = self.make_key(split, limit=limit)
        if key not in self._found:
            found = self.cache.load_predictions(key, class_sets)
            if found is not None:
                self._found[key] = found
        return key in self._found

    def is_cached(self, split: Split, *, limit: int | None) -> bool:
        """Whether a file of predictions on a split lies in the cache, unread."""
        return self.cache.predictions_path(self.make_key(split, limit=limit)).exists()

    def make_key(self, split: Split, *, limit: int | None) -> str:
        """Cache key of the predictions on a split.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        return make_predictions_key(self._load_memo(), split, limit=clip_limit(split, limit))

    def load_predictions(
        self, split: Split, *, limit: int | None
    ) -> tuple[Predictions, PredictionsMeta, Path]:
        """Predictions that were looked up or computed, once, and the cached file that holds them."""
        key = self.make_key(split, limit=limit)
        # Taken out, because many splits of many models are more than memory should hold.
        found = self._found.pop(key)
        self._say_once(format_run_notice(self.request.requested, found[1].run))
        return (*found, self.cache.predictions_path(key))

    def make_task(
        self, split: Split, class_sets: Mapping[str, ClassSet], *, limit: int | None
    ) -> InferenceTask:
        """What has to be done on a split.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        from imagenet_g.benchmark.inference.running_model import InferenceTask

        return InferenceTask(
            classifier=self._load_classifier(),
            class_sets=class_sets,
            settings=self._choose_settings(),
            parts=self.cache.open_parts(self.make_key(split, limit=limit), class_sets),
        )

    def keep(
        self,
        outcome: InferenceOutcome,
        split: Split,
        class_sets: Mapping[str, ClassSet],
        *,
        limit: int | None,
        started_utc: str,
    ) -> None:
        """Put the predictions of a pass into the cache.

        Raises:
            StorageError: The cache cannot be written.
        """
        key = self.make_key(split, limit=limit)
        meta = PredictionsMeta(
            model=self._load_memo().record,
            split=split.record,
            classes=StoredClassSet(indices=split.class_set.indices),
            outputs=split.outputs,
            run=make_run_record(
                outcome,
                backend=self._load_memo().backend,
                scheme=self.request.spec.scheme,
                started_utc=started_utc,
            ),
            class_sets={name: StoredClassSet(indices=c.indices) for name, c in class_sets.items()},
            limit=clip_limit(split, limit),
            key=key,
        )
        self.computed += 1
        self.cache.write_predictions(outcome.predictions, meta)
        self._found[key] = outcome.predictions, meta

    def _say_once(self, notice: str | None) -> None:
        # The same holds for each of many splits.
        if notice is not None and notice not in self._said:
            self._said.add(notice)
            self.listener.say(notice)

    def _load_memo(self) -> ModelMemo:
        if self._memo is None:
            sha256 = hash_model_request(
                self.request,
                device=self.settings.device,
                dtype=self.settings.dtype,
                memory_format=MEMORY_FORMAT,
            )
            self._memo = self.cache.load_memo(sha256) if sha256 else None
            if self._memo is None:
                self._memo = self._make_memo()
                # A model without files could change without a trace.
                if sha256 and self._memo.files:
                    self.cache.write_memo(sha256, self._memo)
            else:
                for line in self._memo.choice.splitlines():
                    self.listener.say(line)
        return self._memo

    def _make_memo(self) -> ModelMemo:
        from imagenet_g.benchmark.devices import choose_device

        device = choose_device(self.settings.device)
        choice = self._resolve()
        if choice:
            self.listener.say(choice)
        classifier = self._load_classifier()
        for note in classifier.notes:
            self.listener.say(note)
        with self._blame("Running"):
            return make_memo(
                classifier,
                self.request,
                choice="\n".join(filter(None, (choice, *classifier.notes))),
                backend=f"torch-{version('torch')}/{device.partition(':')[0]}/{MEMORY_FORMAT}",
                dtype=self.settings.dtype,
            )

    def _resolve(self) -> str:
        from imagenet_g.benchmark.naming.resolve import resolve_model_spec

        resolved = resolve_model_spec(self.request.spec, own_weights=self.request.checkpoint is not None)
        return resolved.format_choice(self.request.requested)

    def _load_classifier(self) -> Classifier:
        from imagenet_g.benchmark.devices import choose_device

        if self._classifier is None:
            request = replace(
                self.request,
                text_device=choose_device(self.settings.device),
                head_cache=self.cache.folder / "heads",
                on_prompts=self._show_prompts,
                kept_hashes=self._keep_hashes(),
            )
            with self._blame("Loading"):
                self._classifier = load_classifier(request)
        return self._classifier

    def _keep_hashes(self) -> KeptHashes | None:
        scheme = self.request.spec.scheme
        # What a user's own code makes of a file depends on more than the file.
        runs_again = find_library(scheme).runs_again
        return KeptHashes(self.cache.folder / "weights", scheme) if runs_again else None

    def _show_prompts(self, done: int, total: int) -> None:
        # Only when a head is made: one that is kept is no work to show.
        if not self._shows_prompts:
            self.listener.start_prompts(self.request.requested)
            self._shows_prompts = True
        self.listener.advance(done, total)

    @contextmanager
    def _blame(self, action: str) -> Iterator[None]:
        try:
            yield
        except ImagenetGError:
            raise
        except Exception as error:
            # Third-party model code may raise anything; one model must not stop the others.
            raise ModelError(
                f"{action} '{self.request.requested}' failed with {type(error).__name__}: {error}"
            ) from error

    def _choose_settings(self) -> InferenceSettings:
        import os

        from imagenet_g.benchmark.backends.settings import InferenceSettings
        from imagenet_g.benchmark.devices import choose_device

        device = choose_device(self.settings.device)
        return InferenceSettings(
            device=device,
            dtype=self.settings.dtype,
            # Only the kind decides: `cuda:1` has the default of `cuda`.
            batch_size=self.settings.batch_size or DEFAULT_BATCH_SIZES[device.partition(":")[0]],
            workers=self.settings.workers or min(8, os.cpu_count() or 1),
        )
