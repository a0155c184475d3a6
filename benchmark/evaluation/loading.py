"""A requested model, loaded only when it must be: what an earlier run remembered of it comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from imagenet_g.benchmark.backends.kept_models import KeptModels
from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.evaluation.memos import ModelMemo, hash_model_request, make_memo
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.fingerprints.kept_hashes import KeptHashes
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.libraries import find_library

_ADVICE = {
    "operator torchvision::nms does not exist": (
        "torch and torchvision are of builds that do not fit together: install both from one index, such as "
        "'pip install --force-reinstall torch torchvision --index-url https://download.pytorch.org/whl/cpu'."
    ),
}
"""What to do by words of an error; each was met."""


class ModelLoader:
    """Loads the model of a request.

    Args:
        request: The model.
        settings: How it will run.
        cache: What is kept between runs.
        listener: Takes what the user should read while it is loaded.
    """

    def __init__(
        self, request: ModelRequest, settings: RunSettings, cache: Cache, listener: EvaluationListener
    ) -> None:
        self.request = request
        self.settings = settings
        self.cache = cache
        self.listener = listener
        self._classifier: Classifier | None = None
        self._memo: ModelMemo | None = None
        self._kept: KeptModels | None = None

    def load_memo(self) -> ModelMemo:
        """What the request resolved to, without loading the model where an earlier run remembered it.

        Raises:
            ImagenetGError: It cannot be loaded.
        """
        if self._memo is None:
            sha256 = hash_model_request(
                self.request,
                # Which GPU of several decides nothing; processes on each share what is known of a model.
                device=self.settings.device.partition(":")[0],
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
        classifier = self.load_classifier()
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

    def load_classifier(self) -> Classifier:
        """The model.

        Raises:
            ImagenetGError: It cannot be loaded.
        """
        from imagenet_g.benchmark.devices import choose_device

        if self._classifier is None:
            request = replace(
                self.request,
                text_device=choose_device(self.settings.device),
                head_cache=self.cache.folder / "heads",
                on_prompts=show_prompts(self.listener, self.request.requested),
                kept_hashes=self._keep_hashes(),
                num_outputs=None if self._memo is None else self._memo.record.num_outputs,
            )
            with self._blame("Loading"):
                self._classifier = load_classifier(request)
        return self._classifier

    def open_kept(self) -> KeptModels:
        """Its compiled forms: what one split opened or compiled, the next ones take.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        if self._kept is None:
            identity = self.load_memo().hash_module()
            self._kept = KeptModels(self.cache.folder / "compiled", identity)
        return self._kept

    def release(self) -> None:
        """Let go of the model, but not of what is known of it."""
        self._classifier, self._kept = None, None

    def _keep_hashes(self) -> KeptHashes | None:
        scheme = self.request.spec.scheme
        # What a user's own code makes of a file depends on more than the file.
        runs_again = find_library(scheme).runs_again
        return KeptHashes(self.cache.folder / "weights", scheme) if runs_again else None

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
                f"{advise(error)}"
            ) from error


def advise(error: Exception) -> str:
    """What to do about an error of a library that says nothing of its cause; empty where nothing is known.

    Example:
        >>> advise(RuntimeError("operator torchvision::nms does not exist"))[:60]
        '. torch and torchvision are of builds that do not fit togeth'
        >>> advise(RuntimeError("out of luck"))
        ''
    """
    return next((f". {text}" for word, text in _ADVICE.items() if word in str(error)), "")


def show_prompts(listener: EvaluationListener, requested: str) -> Callable[[int, int], None]:
    """What shows that the prompts of a zero-shot model are encoded: a bar that begins with the first call."""
    started = False

    def show(done: int, total: int) -> None:
        nonlocal started
        # Only when a head is made: one that is kept is no work to show.
        if not started:
            listener.start_prompts(requested)
            started = True
        listener.advance(done, total)

    return show
