"""Clone a repo on a computer, or bring its clone there up to date, with the person's own agent."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ez.env.reference import canonical, parse_address
from ez.env.source.failures import failure
from ez.env.source.recovery import recover
from ez.env.source.wire import Content, Reply, call
from ez.errors import SourceError
from ez.events import Notice, Sink
from ez.models import Checkout, Network
from ez.ssh.host import Host

_LEFT = {
    "detached": "HEAD is detached, so nothing was updated",
    "untracked": "its branch follows no branch of the repo, so nothing was updated",
    "edited": "changes that are not committed were left alone",
    "in-the-way": "files in the way of new ones were left alone",
    "submodules": "submodules could not be fetched",
    "lfs": "files of Git LFS could not be fetched",
}


@dataclass(frozen=True)
class Request:
    """A repo to have. `known_hosts` are lines for its server; `agent` offers the person's agent."""

    url: str
    ref: str | None
    known_hosts: str
    network: Network
    agent: bool


def clone(host: Host, request: Request, env: str, files: Mapping[str, Content], sink: Sink) -> tuple[Checkout, Reply]:
    """Have the repo at `~/ez/<env>` on `host`, in one round trip; the reply tells of the files named in `files`.

    Work done there is never touched: what was left alone is the checkout's detail. A clone that cannot be brought up
    to date is used as it is, with a warning. Raises SourceError.
    """
    if parse_address(request.url).scheme == "http":
        sink(Notice(f"anyone on the way can read and change what comes from `{request.url}`", "warning"))
    reply = _call(host, request, env, files, sink)
    if "pending" in reply.values:
        recover(host, env, reply, sink)
        reply = _call(host, request, env, files, sink)
    if "stale" in reply.values:
        reason = failure(reply.result, host.name)
        sink(Notice(f"used as it is, not brought up to date: {reason.message}", "warning"))
    return _checkout(reply), reply


def _call(host: Host, request: Request, env: str, files: Mapping[str, Content], sink: Sink) -> Reply:
    network = request.network
    bundle = network.ca_bundle.encode()
    bundle_id = hashlib.sha256(bundle).hexdigest()[:16] if bundle else ""
    args = [env, f"clone {canonical(request.url)}", request.url, request.ref or "", bundle_id]
    proxies = {
        "http_proxy": network.http_proxy,
        "https_proxy": network.https_proxy,
        "no_proxy": network.no_proxy,
    }
    contents: dict[str, Content] = {
        **files,
        "known_hosts": request.known_hosts.encode(),
        "proxies": "".join(f"{key}={value}\n" for key, value in proxies.items() if value).encode(),
    }
    secret = "@" in network.http_proxy + network.https_proxy
    reply = call(host, "clone", args, contents, sink, agent=request.agent, secret=secret)
    if "need" in reply.values:
        contents["authorities"] = bundle
        reply = call(host, "clone", args, contents, sink, agent=request.agent, secret=secret)
    if "need" in reply.values:
        raise SourceError(f"certificates cannot be kept on `{host.name}`", "run the same line again")
    return reply


def _checkout(reply: Reply) -> Checkout:
    path = reply.value("path")
    return Checkout(path, reply.value("commit"), reply.value("head").removeprefix("refs/heads/"), _detail(reply))


def _detail(reply: Reply) -> str:
    """What happened, in one phrase."""
    values = reply.values
    said = [_LEFT[word] for word in reply.all("left") if word in _LEFT]
    if "cloned" in values:
        said.insert(0, "cloned")
    if "moved" in values:
        before, _, after = values["moved"].partition(" ")
        said.append(f"{before[:7]} -> {after[:7]}" if before else after[:7])
    if "diverged" in values:
        mine, _, theirs = values["diverged"].partition(" ")
        said.append(f"{mine} of its commits and {theirs} of the repo's are not merged")
    if "ahead" in values:
        said.append(f"{values['ahead']} of its commits are not pushed")
    if "behind" in values:
        said.append(f"{values['behind']} new commits wait")
    return ", ".join(said)
