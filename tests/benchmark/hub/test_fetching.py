"""Without a network the answer comes fast, and says what to do; with one, files come with their commit."""

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from imagenet_g.benchmark.errors import FetchError, ModelError, StorageError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.hub.fetching import (
    PROBE_TIMEOUT_S,
    describe_hub_file,
    describe_url_file,
    fetch,
    find_obstacle,
    parse_revision,
)
from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "timm/test_resnet.r160_in1k"
SPECS = ("timm:resnext101", "timm:hf-hub:org/name", "open_clip:ViT-B-32", "open_clip:hf-hub:org/name")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An online machine with nothing cached."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


class SilentServer:
    """A server that takes connections and never answers."""

    def __init__(self, listening: socket.socket) -> None:
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._listening = listening

    def count_connections(self) -> int:
        """How many have come since it was last asked."""
        self._listening.setblocking(False)
        count = 0
        while True:
            try:
                connection, _ = self._listening.accept()
            except BlockingIOError:
                return count
            connection.close()
            count += 1


@pytest.fixture
def silent_server() -> Iterator[SilentServer]:
    """One on a free port."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        yield SilentServer(listening)


def find_closed_port() -> str:
    """A loopback address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def use_hub(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does when it is set before the start."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def request(spec: str) -> ModelRequest:
    """A model as typed."""
    return ModelRequest(requested=spec, spec=parse_model_spec(spec))


@pytest.mark.parametrize("spec", SPECS)
def test_a_closed_port_is_an_answer_at_once(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be fetched, from where, and three ways out."""
    use_hub(find_closed_port(), monkeypatch)
    with pytest.raises(FetchError) as caught:
        load_classifier(request(spec))
    message = str(caught.value)
    assert "127.0.0.1" in message and "refused" in message
    assert all(way in message for way in ("--checkpoint", "HF_HUB_OFFLINE=1", "local-dir:PATH"))


def test_a_silent_server_is_given_up_within_seconds(
    silent_server: SilentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection and no retry: the library alone would try six times a minute each."""
    use_hub(silent_server.address, monkeypatch)
    with pytest.raises(FetchError, match=r"'timm/resnext101_32x8d.tv_in1k'.*no answer within 4 s"):
        load_classifier(request("timm:resnext101"))
    assert PROBE_TIMEOUT_S == 4
    assert silent_server.count_connections() == 1


def test_name_resolution_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no time limit of its own: the answer is there while the resolution still hangs."""
    asked, end = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        asked.set()
        end.wait()
        raise OSError("the test has ended")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert find_obstacle("http://name.invalid/x", on_hub=False, timeout_s=0.3) == "no answer within 0 s"
        assert asked.is_set()
    finally:
        end.set()


def test_torchvision_weights_are_asked_for_where_they_are(
    silent_server: SilentServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message says which URL to save as which file."""
    remote = describe_url_file(f"{silent_server.address}/a/w.pth", tmp_path / "w.pth", instead="x")
    with pytest.raises(FetchError, match=r"'w.pth'.*no answer.*save it as"), fetch(remote):
        pytest.fail("the library must not be tried")


def test_a_cached_url_file_needs_no_network(tmp_path: Path) -> None:
    """Nothing is asked when the file is there."""
    (tmp_path / "w.pth").write_bytes(b"x")
    loaded = []
    with fetch(describe_url_file(f"{find_closed_port()}/w.pth", tmp_path / "w.pth", instead="x")):
        loaded.append((tmp_path / "w.pth").read_bytes())
    assert loaded == [b"x"]


def test_offline_mode_is_named_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user set it; the message says so."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE is set"):
        load_classifier(request("timm:test_resnet"))


def fill_cache(folder: Path) -> torch.nn.Module:
    """A hub cache with one model, as the hub's own client lays it out."""
    module: torch.nn.Module = timm.create_model("test_resnet", pretrained=False)
    snapshot = folder / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    save_file(module.state_dict(), snapshot / "model.safetensors")
    return module


@pytest.mark.parametrize("offline", [True, False])
def test_a_cached_model_loads_without_a_network(
    offline: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HF_HUB_OFFLINE, and with a hub that does not answer; the commit is recorded."""
    use_hub(find_closed_port(), monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    module = fill_cache(tmp_path / "hub")
    classifier = load_classifier(request("timm:test_resnet"))
    assert classifier.record.weights_sha256 == hash_state_dict(module.state_dict())
    assert classifier.record.revision == COMMIT
    assert [path.name for path in classifier.files] == ["model.safetensors"]
    assert constants.HF_HUB_OFFLINE is offline


class HubHandler(http.server.BaseHTTPRequestHandler):
    """As much of the hub as one download takes."""

    weights = b""

    def do_HEAD(self) -> None:
        """The headers the hub's client reads."""
        found = self.path == f"/{REPOSITORY}/resolve/main/model.safetensors"
        self.send_response(200 if found else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Error-Code", "" if found else "EntryNotFound")
        self.send_header("ETag", '"etag"')
        self.send_header("Content-Length", str(len(self.weights)))
        self.end_headers()

    def do_GET(self) -> None:
        """The file itself."""
        self.do_HEAD()
        self.wfile.write(self.weights)

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""


def test_a_hub_that_answers_is_fetched_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client against a loopback hub: weights arrive, with their commit."""
    module = timm.create_model("test_resnet", pretrained=False)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    monkeypatch.setattr(HubHandler, "weights", (tmp_path / "w.safetensors").read_bytes())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HubHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        use_hub(f"http://127.0.0.1:{server.server_port}", monkeypatch)
        record = load_classifier(request("timm:test_resnet")).record
        server.shutdown()
    assert (record.spec, record.revision) == ("timm:test_resnet.r160_in1k", COMMIT)
    assert record.weights_sha256 == hash_state_dict(module.state_dict())


@pytest.mark.parametrize(
    ("error", "translated"),
    [
        (ConnectionResetError("reset"), FetchError),
        (TimeoutError("slow"), FetchError),
        (OSError(28, "No space left on device"), StorageError),
        (ValueError("bad config"), ModelError),
        (ImportError("No module named 'sentencepiece'"), ModelError),
    ],
)
def test_what_a_library_raises_becomes_one_clear_error(
    error: Exception, translated: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the library wraps it in an error of its own."""
    monkeypatch.setattr("imagenet_g.benchmark.hub.fetching.find_obstacle", lambda url, on_hub: None)
    remote = describe_hub_file("org/name", ("w.bin",), instead="x")
    with pytest.raises(translated), fetch(remote):
        try:
            raise error
        except Exception as inner:
            raise RuntimeError("library words") from inner


def test_the_commit_is_read_off_the_cache_path() -> None:
    """And not off any other path."""
    assert parse_revision(Path(f"/c/models--a--b/snapshots/{COMMIT}/w.bin")) == COMMIT
    assert parse_revision(Path("/home/me/snapshots/mine/w.bin")) is None
