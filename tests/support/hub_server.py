"""A stand-in for the Hugging Face Hub on loopback, for the real clients; nothing in the product knows of it.

It answers the calls that huggingface_hub 2.4 (without Xet) and datasets 5.2 make for dataset repositories,
and those for small files of model repositories.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
import yaml  # type: ignore[import-untyped]
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from hub_faults import Fault, FaultyConnection
from hub_store import Account, Blob, Commit, PullRequest, Repo

OWNER_TOKEN = "hf_ownerOWNERownerOWNERownerOWNER01"
READER_TOKEN = "hf_readerREADERreaderREADERreader02"
_LFS_FROM_BYTES = 10_000


class RefusedError(Exception):
    """An answer other than success, with the Hub's own words for why."""

    def __init__(self, status: int, code: str = "", message: str = "", commit: str = "") -> None:
        # By the commit the client remembers that a file is not there.
        headers = {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": commit}
        self.response = JSONResponse(
            {"error": message or code}, status, {key: value for key, value in headers.items() if value}
        )


def _answer_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return error.response


class StandInHub:
    """The Hub's state and its answers."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.accounts = {OWNER_TOKEN: Account("owner", ("org",)), READER_TOKEN: Account("reader")}
        self.page_size = 3
        self.url = ""
        self.app = FastAPI()
        self.app.add_exception_handler(RefusedError, _answer_refusal)
        self.connection = FaultyConnection(self.app)
        _add_repo_routes(self)
        _add_tag_routes(self)
        _add_upload_routes(self)
        _add_large_file_routes(self)
        _add_commit_routes(self)
        _add_download_routes(self)

    def fail(self, method: str, path: str, kind: str, **options: int) -> Fault:
        """Let matching requests fail from now on."""
        fault = Fault(method, path, kind, **options)  # type: ignore[arg-type]
        self.connection.faults.append(fault)
        return fault

    def put_folder(self, name: str, folder: Path, *, tag: str | None = None) -> str:
        """Commit a folder to a repository as if it had been pushed; returns the commit."""
        repo = self.repos.setdefault(name, Repo())
        paths = [path for path in folder.rglob("*") if path.is_file()]
        tree = {p.relative_to(folder).as_posix(): Blob(p.read_bytes(), p.suffix == ".parquet") for p in paths}
        made = repo.commit("main", "pushed", tree, parent=None)
        assert made is not None
        if tag is not None:
            repo.tags[tag] = made.oid
        return made.oid

    def count(self, method: str, path: str) -> int:
        """How many matching requests were seen."""
        return sum(r.method == method and bool(re.search(path, r.path)) for r in self.connection.requests)

    def find_account(self, request: Request) -> Account | None:
        """Who asks.

        Raises:
            RefusedError: The token is nobody's.
        """
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.accounts:
            raise RefusedError(401, message="Invalid credentials in Authorization header")
        return self.accounts.get(token)

    def find_repo(self, request: Request, *, write: bool = False) -> Repo:
        """The repository of a request, if it may be seen or written.

        Raises:
            RefusedError: The token may not, or the repository does not exist.
        """
        account = self.find_account(request)
        name = f"{request.path_params['org']}/{request.path_params['name']}"
        repo = self.repos.get(name)
        hidden = repo is not None and repo.private and not (account and account.can_write(name))
        if repo is None or hidden:
            raise RefusedError(404 if account else 401, "RepoNotFound", "Repository not found")
        if write and account is None:
            raise RefusedError(401, message="Invalid username or password.")
        if write and account is not None and not account.can_write(name):
            raise RefusedError(403, message="You don't have the rights to create or update this repo")
        return repo

    def find_repo_to_change(self, request: Request) -> tuple[Repo, bool]:
        """The repository of a commit, and whether it goes to a pull request; any account may propose one.

        Raises:
            RefusedError: It may not be written, or nobody asks.
        """
        pull = request.query_params.get("create_pr") == "1"
        repo = self.find_repo(request, write=not pull)
        if self.find_account(request) is None:
            raise RefusedError(401, message="Invalid username or password.")
        return repo, pull

    def find_commit(self, request: Request, repo: Repo) -> Commit:
        """The commit of a request.

        Raises:
            RefusedError: There is no such revision.
        """
        commit = repo.resolve(request.path_params["rev"])
        if commit is None:
            raise RefusedError(404, "RevisionNotFound", f"Invalid rev id: {request.path_params['rev']}")
        return commit

    def check_terms(self, request: Request, repo: Repo) -> None:
        """Let only those read a gated dataset who accepted its terms.

        Raises:
            RefusedError: Not accepted.
        """
        account = self.find_account(request)
        name = f"{request.path_params['org']}/{request.path_params['name']}"
        if repo.gated and not (account and (account.can_write(name) or name in account.accepted)):
            raise RefusedError(
                403 if account else 401, "GatedRepo", f"Access to dataset {name} is restricted"
            )


def _add_repo_routes(hub: StandInHub) -> None:
    app, base = hub.app, "/api/{kind}/{org}/{name}"

    @app.post("/api/repos/create")
    async def create(request: Request) -> Any:
        body = await request.json()
        account = hub.find_account(request)
        name = f"{body.get('organization') or (account.name if account else '')}/{body['name']}"
        if account is None:
            raise RefusedError(401, message="Invalid username or password.")
        if not account.can_write(name):
            raise RefusedError(
                403, message="You don't have the rights to create a dataset under this namespace"
            )
        found = {"url": f"{hub.url}/datasets/{name}", "name": name}
        if name in hub.repos:
            return JSONResponse({**found, "error": "You already created this dataset repo"}, 409)
        hub.repos[name] = Repo(private=body.get("visibility") == "private" or bool(body.get("private")))
        return found

    @app.get(base)
    @app.get(base + "/revision/{rev:path}")
    def info(request: Request) -> Any:
        repo = hub.find_repo(request)
        request.path_params.setdefault("rev", "main")
        commit = hub.find_commit(request, repo)
        name = f"{request.path_params['org']}/{request.path_params['name']}"
        siblings = [{"rfilename": path} for path in sorted(commit.tree)]
        return {
            **_list_eval_results(request, commit),
            "_id": "1", "id": name, "sha": commit.oid, "private": repo.private, "gated": repo.gated,
            "disabled": False, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings,
            "lastModified": "2026-01-02T03:04:05.000Z",
        }  # fmt: skip

    @app.get(base + "/refs")
    def refs(request: Request) -> Any:
        repo = hub.find_repo(request)
        kinds = {"branches": ("refs/heads/", repo.branches), "tags": ("refs/tags/", repo.tags)}
        if request.query_params.get("include_prs"):
            kinds["pullRequests"] = ("", repo.pulls)
        return {
            kind: [{"name": n, "ref": prefix + n, "targetCommit": oid} for n, oid in found.items()]
            for kind, (prefix, found) in kinds.items()
        } | {"converts": []}

    @app.get(base + "/discussions")
    def discussions(request: Request) -> Any:
        repo = hub.find_repo(request)
        name = f"{request.path_params['org']}/{request.path_params['name']}"
        found = [
            {
                "num": number, "title": one.title, "author": {"name": one.author}, "status": one.status,
                "createdAt": "2026-01-02T03:04:05.000Z", "isPullRequest": True,
                "repo": {"name": name, "type": "dataset"},
            }
            for number, one in enumerate(repo.requests.values(), 1)
        ]  # fmt: skip
        start = int(request.query_params.get("p", "0")) * hub.page_size
        page = found[start : start + hub.page_size]
        return {"discussions": page, "count": len(found), "start": start}

    @app.put(base + "/settings")
    async def settings(request: Request) -> Any:
        repo = hub.find_repo(request, write=True)
        body = await request.json()
        repo.gated = body.get("gated", repo.gated)
        repo.private = body.get("private", repo.private)
        return {}


def _list_eval_results(request: Request, commit: Commit) -> dict[str, Any]:
    """The values of a model, where a client asks for them."""
    if "evalResults" not in request.query_params.getlist("expand"):
        return {}
    found = [path for path in sorted(commit.tree) if re.fullmatch(r"\.eval_results/[^/]+\.yaml", path)]
    return {
        "evalResults": [
            {"filename": path, "data": entry}
            for path in found
            for entry in yaml.safe_load(commit.tree[path].data)
        ]
    }


def _add_tag_routes(hub: StandInHub) -> None:
    app, base = hub.app, "/api/{kind}/{org}/{name}"

    @app.post(base + "/tag/{rev:path}")
    async def tag(request: Request) -> Any:
        repo = hub.find_repo(request, write=True)
        commit, name = hub.find_commit(request, repo), (await request.json())["tag"]
        if name in repo.tags:
            raise RefusedError(409, message="Tag reference exists already")
        repo.tags[name] = commit.oid
        return {}

    @app.delete(base + "/tag/{rev:path}")
    def untag(request: Request) -> Any:
        hub.find_repo(request, write=True).tags.pop(request.path_params["rev"])
        return {}

    @app.get("/api/whoami-v2")
    def whoami(request: Request) -> Any:
        account = hub.find_account(request)
        if account is None:
            raise RefusedError(401, message="Invalid username or password.")
        return {"type": "user", "name": account.name, "orgs": [{"name": o} for o in account.organizations]}


def _add_upload_routes(hub: StandInHub) -> None:
    app, base = hub.app, "/api/{kind}/{org}/{name}"

    @app.post("/api/validate-yaml")
    async def validate(request: Request) -> Any:
        await request.json()
        return {"errors": [], "warnings": []}

    @app.post(base + "/preupload/{rev:path}")
    async def preupload(request: Request) -> Any:
        commit = hub.find_commit(request, hub.find_repo_to_change(request)[0])
        answers = []
        for file in (await request.json())["files"]:
            old = commit.tree.get(file["path"])
            lfs = file["size"] >= _LFS_FROM_BYTES or file["path"].endswith(".parquet")
            answers.append({
                "path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False,
                "oid": old.etag if old else None,
            })  # fmt: skip
        return {"files": answers}


def _add_large_file_routes(hub: StandInHub) -> None:
    app = hub.app

    @app.post("/datasets/{org}/{name}.git/info/lfs/objects/batch")
    async def batch(request: Request) -> Any:
        repo = hub.find_repo(request)
        answers: list[dict[str, Any]] = []
        for wanted in (await request.json())["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in repo.objects:
                place = f"{hub.url}/lfs/{request.path_params['org']}/{request.path_params['name']}"
                href = f"{place}/{wanted['oid']}?X-Amz-Signature=signedSIGNEDsigned"
                answer["actions"] = {"upload": {"href": href}, "verify": {"href": f"{place}/verify"}}
            answers.append(answer)
        return {"transfer": "basic", "objects": answers}

    @app.put("/lfs/{org}/{name}/{oid}")
    async def put(request: Request) -> Any:
        repo = hub.repos[f"{request.path_params['org']}/{request.path_params['name']}"]
        data = await request.body()
        if Blob(data, lfs=True).sha256 != request.path_params["oid"]:
            raise RefusedError(400, message="hash mismatch")
        repo.objects[request.path_params["oid"]] = data
        return {}

    @app.post("/lfs/{org}/{name}/verify")
    async def verify(request: Request) -> Any:
        return {}


def _add_commit_routes(hub: StandInHub) -> None:
    app, base = hub.app, "/api/{kind}/{org}/{name}"

    @app.post(base + "/commit/{rev:path}")
    async def commit(request: Request) -> Any:
        repo, pull = hub.find_repo_to_change(request)
        parent = hub.find_commit(request, repo)
        lines = [json.loads(line) for line in (await request.body()).splitlines()]
        header, tree = lines[0]["value"], _apply(parent.tree, lines[1:], repo)
        wanted = header.get("parentCommit")
        made = repo.commit(request.path_params["rev"], header["summary"], tree, parent=wanted, pull=pull)
        account = hub.find_account(request)
        if pull and made is not None and account is not None:
            repo.requests[f"refs/pr/{len(repo.pulls)}"] = PullRequest(header["summary"], account.name)
        if made is None:
            raise RefusedError(412, message="A commit has happened since. Please refresh and try again.")
        kind = "" if request.path_params["kind"] == "models" else "datasets/"
        place = f"{hub.url}/{kind}{request.path_params['org']}/{request.path_params['name']}"
        answer = {"commitOid": made.oid, "commitUrl": f"{place}/commit/{made.oid}", "success": True}
        return answer | ({"pullRequestUrl": f"{place}/discussions/{len(repo.pulls)}"} if pull else {})


def _apply(tree: dict[str, Blob], lines: list[dict[str, Any]], repo: Repo) -> dict[str, Blob]:
    made = dict(tree)
    for line in lines:
        value = line["value"]
        if line["key"] == "file":
            made[value["path"]] = Blob(base64.b64decode(value["content"]), lfs=False)
        elif line["key"] == "lfsFile":
            if value["oid"] not in repo.objects:
                raise RefusedError(400, message=f"LFS object {value['oid']} was never uploaded")
            made[value["path"]] = Blob(repo.objects[value["oid"]], lfs=True)
        elif line["key"] == "deletedFile":
            made.pop(value["path"])
        else:
            made = {path: blob for path, blob in made.items() if not path.startswith(value["path"])}
    return made


def _add_download_routes(hub: StandInHub) -> None:
    app, base = hub.app, "/api/{kind}/{org}/{name}"

    # A revision with a slash is quoted by the clients; a path below the tree follows a plain slash.
    @app.get(base + "/tree/{rev}")
    @app.get(base + "/tree/{rev}/{path:path}")
    def tree(request: Request) -> Any:
        commit = hub.find_commit(request, hub.find_repo(request))
        under = request.path_params.get("path", "")
        recursive = request.query_params.get("recursive", "").lower() == "true"
        entries = _list_tree(commit, under, recursive=recursive)
        if under and not entries:
            raise RefusedError(404, "EntryNotFound", f"{under} does not exist")
        start = int(request.query_params.get("cursor", "0"))
        headers = {}
        if start + hub.page_size < len(entries):
            following = request.url.include_query_params(cursor=start + hub.page_size)
            headers["Link"] = f'<{following}>; rel="next"'
        return JSONResponse(entries[start : start + hub.page_size], headers=headers)

    @app.post(base + "/paths-info/{rev:path}")
    async def paths_info(request: Request) -> Any:
        commit = hub.find_commit(request, hub.find_repo(request))
        wanted = parse_qs((await request.body()).decode())["paths"]
        entries = {entry["path"]: entry for entry in _list_tree(commit, "", recursive=True)}
        return [entries[path] for path in wanted if path in entries]

    # Models have no word in front of their names; both kinds share one list of repositories here.
    @app.api_route("/{org}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    @app.api_route("/datasets/{org}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    def resolve(request: Request) -> Any:
        repo = hub.find_repo(request)
        commit = hub.find_commit(request, repo)
        hub.check_terms(request, repo)
        blob = commit.tree.get(request.path_params["path"])
        if blob is None:
            raise RefusedError(404, "EntryNotFound", "Entry not found", commit.oid)
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"}
        if blob.lfs:
            headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.data))}
        return _send_bytes(blob.data, request, headers)


def _list_tree(commit: Commit, under: str, *, recursive: bool) -> list[dict[str, Any]]:
    prefix = f"{under.rstrip('/')}/" if under else ""
    files = {path: blob for path, blob in commit.tree.items() if path.startswith(prefix)}
    folders = {path[: m.start()] for path in files for m in re.finditer("/", path) if m.start() > len(prefix)}
    entries: list[dict[str, Any]] = [
        {"type": "directory", "path": f, "oid": "0" * 40, "size": 0} for f in folders
    ]
    for path, blob in files.items():
        entry = {"type": "file", "path": path, "oid": blob.git_oid, "size": len(blob.data)}
        if blob.lfs:
            entry["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 130}
        entries.append(entry)
    chosen = [e for e in entries if recursive or "/" not in e["path"][len(prefix) :]]
    return sorted(chosen, key=lambda entry: str(entry["path"]))


def _send_bytes(data: bytes, request: Request, headers: dict[str, str]) -> Response:
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(len(data))})
    if match is None:
        return Response(data, headers=headers, media_type="application/octet-stream")
    start, stop = int(match[1]), int(match[2] or len(data) - 1) + 1
    headers["Content-Range"] = f"bytes {start}-{min(stop, len(data)) - 1}/{len(data)}"
    return Response(data[start:stop], 206, headers, media_type="application/octet-stream")


@contextmanager
def serve_hub() -> Iterator[StandInHub]:
    """Run a stand-in on a free port of this machine until the block ends."""
    hub = StandInHub()
    server = uvicorn.Server(
        uvicorn.Config(hub.connection, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    hub.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield hub
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
