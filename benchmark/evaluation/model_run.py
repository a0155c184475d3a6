"""One model through its splits: loaded only when something must be computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.backends.choosing import (
    choose_backend,
    choose_batch_size,
    list_candidates,
    name_backend,
)
from imagenet_g.benchmark.backends.kept_models import KeptModels
from imagenet_g.benchmark.backends.settings import BackendName, InferenceSettings, RunSettings
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.composing.row_shares import RowShare
from imagenet_g.benchmark.devices import count_cores
from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.benchmark.evaluation.cache import Cache, make_predictions_key
from imagenet_g.benchmark.evaluation.memos import ModelMemo, hash_model_request, make_memo
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.evaluation.run_facts import format_run_notice, make_meta, make_run_record
from imagenet_g.benchmark.evaluation.selection import clip_limit, count_rows
from imagenet_g.benchmark.fingerprints.kept_hashes import KeptHashes
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.libraries import find_library
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
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
        self._shows_prompts = False
        self._classifier: Classifier | None = None
        self._memo: ModelMemo | None = None

    def load_record(self) -> ModelRecord:
        """Which model this is, without loading it when an earlier run remembered it.

        Raises:
            ImagenetGError: It cannot be loaded.
        """
        return self._load_memo().record

    def choose_backend(self, splits: Iterable[Split], *, limit: int | None) -> None:
        """Decide what runs the model, from all that it has to do.

        Raises:
            ImagenetGError: The model cannot be loaded, or the backend that was asked for cannot run it.
        """
        memo = self._load_memo()
        found = list_candidates(self.settings.backend, dtype=self.settings.dtype, device=memo.device)
        self._backends = found
        missing = [split for split in splits if not self.is_cached(split, limit=limit)]
        keys = [key for split in missing for key in self._list_keys(split, limit=limit)]
        # Parts of an interrupted run are of one backend, and its rest goes on with it.
        begun = [found[number % len(found)] for number, key in enumerate(keys) if self.cache.has_parts(key)]
        chosen = choose_backend(
            begun[:1] or found,
            num_rows=sum(count_rows(split, limit) for split in missing),
            num_parameters=memo.record.num_parameters,
            num_cores=count_cores(),
        )
        # What another one has finished is an answer as well: all of them give those of float32.
        self._backends = (chosen, *(backend for backend in found if backend != chosen))

    def fall_back(self) -> bool:
        """Run the model by PyTorch from now on; whether it may, because nothing else was asked for."""
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
        for key in self._list_keys(split, limit=limit):
            if key not in self._found:
                found = self.cache.load_predictions(key, class_sets)
                if found is not None:
                    self._found[key] = found
            if key in self._found:
                return True
        return False

    def is_cached(self, split: Split, *, limit: int | None) -> bool:
        """Whether a file of predictions on a split lies in the cache, unread."""
        keys = self._list_keys(split, limit=limit)
        return any(self.cache.predictions_path(key).exists() for key in keys)

    def make_key(self, split: Split, *, limit: int | None) -> str:
        """Cache key of the predictions on a split by the backend that runs the model.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        return self._list_keys(split, limit=limit)[0]

    def _list_keys(self, split: Split, *, limit: int | None) -> list[str]:
        """A key for each backend whose finished predictions are an answer."""
        memo = self._load_memo()
        names = [name_backend(backend, memo.device) for backend in self._backends]
        limit = clip_limit(split, limit)
        return [make_predictions_key(memo, split, limit=limit, backend=name) for name in names]

    def load_predictions(
        self, split: Split, *, limit: int | None
    ) -> tuple[Predictions, PredictionsMeta, Path]:
        """Predictions that were looked up or computed, once, and the cached file that holds them."""
        key = next(key for key in self._list_keys(split, limit=limit) if key in self._found)
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

        key = self.make_key(split, limit=limit)
        bounds = None if share is None else self.find_bounds(split, limit=limit, share=share)
        return InferenceTask(
            classifier=self._load_classifier(),
            class_sets=class_sets,
            settings=self._choose_settings(),
            parts=self.cache.open_parts(key, class_sets, bounds=bounds),
            bounds=bounds,
            kept=KeptModels(self.cache.folder / "compiled", self._load_memo().hash_module()),
        )

    def find_bounds(self, split: Split, *, limit: int | None, share: RowShare) -> tuple[int, int]:
        """First row of a share, and the row behind its last one."""
        return share.find_bounds(count_rows(split, limit), self._choose_settings().batch_size)

    def make_meta(
        self, outcome: InferenceOutcome, split: Split, class_sets: Mapping[str, ClassSet], limit: int | None
    ) -> PredictionsMeta:
        """What the predictions of a pass are."""
        memo = self._load_memo()
        backend, scheme = name_backend(self._backends[0], memo.device), self.request.spec.scheme
        run = make_run_record(outcome, backend=backend, scheme=scheme)
        key, limit = self.make_key(split, limit=limit), clip_limit(split, limit)
        return make_meta(memo.record, split, run, class_sets=class_sets, limit=limit, key=key)

    def keep(self, predictions: Predictions, meta: PredictionsMeta) -> None:
        """Put the predictions of a pass into the cache.

        Raises:
            StorageError: The cache cannot be written.
        """
        self.computed += 1
        self.cache.write_predictions(predictions, meta)
        self._found[meta.key] = predictions, meta

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
                device=device.partition(":")[0],
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

        from imagenet_g.benchmark.devices import choose_device

        device, backend = choose_device(self.settings.device), self._backends[0]
        return InferenceSettings(
            device=device,
            dtype=self.settings.dtype,
            batch_size=self.settings.batch_size or choose_batch_size(backend, device),
            workers=self.settings.workers or min(8, os.cpu_count() or 1),
            backend=backend,
        )
