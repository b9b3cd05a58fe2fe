"""The seam between Git and ez: what Git and the scripts say -> a SourceError with the next thing to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ez.errors import Result, SourceError
from ez.names import shown

LOCAL = "local"


@dataclass(frozen=True)
class Meaning:
    """`pattern` in Git's own words (LC_ALL=C). `{1}` and `{2}` are the first groups that matched, `{line}` the whole
    line, `{host}` the computer and `{ssh}` how to get there."""

    pattern: str
    message: str
    hint: str


MEANINGS = (
    Meaning(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for (\S+) has changed",
        "the Git server shows another host key than the one you know: somebody may be in between",
        "ask the server's owner for its new key; only then `ssh-keygen -R` the old one on this computer",
    ),
    Meaning(
        r"No \S+ host key is known for \[(\S+?)\]:(\d+) and you have requested strict checking",
        "the host key of the Git server is not known: `{1}`, port {2}",
        "connect once from this computer and compare the key: `ssh -T -p {2} git@{1}`",
    ),
    Meaning(
        r"No \S+ host key is known for (\S+?) and you have requested strict checking",
        "the host key of the Git server is not known: `{1}`",
        "connect once from this computer and compare the key: `ssh -T git@{1}`",
    ),
    Meaning(
        r"Host key verification failed",
        "the Git server's host key is not the one that is known",
        "connect once from this computer and compare the key with `ssh -T`",
    ),
    Meaning(
        r"(\S+?): Permission denied \((?:publickey|\S*,publickey)",
        "the Git server let none of your SSH keys in: `{1}`",
        "load the key of your account into your agent: `ssh-add`",
    ),
    Meaning(
        r"could not read (?:Username|Password) for '([^']+)'|Authentication failed for '([^']+)'",
        "the Git server asks for a login over HTTPS: `{1}`",
        "use the repo's SSH address, `git@host:path`, so that your own agent opens it",
    ),
    Meaning(
        r"Could not resolve host(?:name)?:? ?'?([^\s':]+)",
        "`{host}` finds no address for the Git server: `{1}`",
        "correct the name, or the name service of `{host}`",
    ),
    Meaning(
        r"[Rr]epository(?: '([^'\n]*)')? not found|'([^']+)' does not appear to be a git repository"
        r"|not a git repository: '([^']+)'|returned error: 404",
        "no such repo, or none that you may read: `{1}`",
        "correct the address, or ask for access and load the right key with `ssh-add`",
    ),
    Meaning(
        r"server certificate verification failed|SSL certificate problem|certificate verify failed",
        "the certificate of the Git server is not trusted on `{host}`",
        "give ez your network's certificates: `ca_bundle` in its settings",
    ),
    Meaning(
        r"connect to host (\S+) port|Failed to connect to (\S+) port|Couldn't connect to server|Connection refused"
        r"|Network is unreachable|No route to host|[Cc]onnection timed out|[Oo]peration timed out|Operation too slow",
        "the Git server cannot be reached from `{host}`: `{1}`",
        "look at the network of `{host}`, then run the same line again",
    ),
    Meaning(
        r"No space left on device|Disk quota exceeded|file write error|Wrote only \d+ of \d+ bytes",
        "the disk of `{host}` is full",
        "free some space there: {ssh}`docker system prune`",
    ),
    Meaning(
        r"hung up unexpectedly|early EOF|unexpected disconnect|RPC failed|Connection (?:reset|closed)|Broken pipe",
        "the connection to the Git server broke off",
        "run the same line again",
    ),
    Meaning(
        r"ssh: not found|cannot run ssh",
        "no OpenSSH client on `{host}`",
        "install it there: {ssh}`sudo apt-get install -y openssh-client`",
    ),
    Meaning(
        r"(?:tar|gzip|base64|awk|xargs|find|sha256sum|sort): not found",
        "a tool that ez needs is not on `{host}`: {line}",
        "install it there: {ssh}`sudo apt-get install -y tar coreutils findutils`",
    ),
    Meaning(
        r"(?:sha256sum|find|tar|xargs): (?:unrecognized option|invalid option|unknown predicate)",
        "the tools of `{host}` are not the GNU ones: {line}",
        "install them there: {ssh}`sudo apt-get install -y tar coreutils findutils`",
    ),
    Meaning(
        r"[Uu]nable to create '([^']+\.lock)'|cannot lock ref",
        "another Git command is at work, or left its lock: `{1}`",
        "wait for it, or remove the lock if nothing runs",
    ),
    Meaning(
        r"detected dubious ownership in repository at '([^']+)'",
        "the repo belongs to another user: `{1}`",
        "trust it: `git config --global --add safe.directory '{1}'`",
    ),
    Meaning(
        r"Permission denied|Read-only file system",
        "files of ez cannot be written on `{host}`: {line}",
        "give them back to yourself: {ssh}`sudo chown -R $USER ~/ez`",
    ),
)

WORDS = {
    "no-git": ("no Git on `{host}`", "install it there: {ssh}`sudo apt-get install -y git`"),
    "busy": ("another ez is at work on the files of this environment on `{host}`", "run the same line a little later"),
    "occupied": (
        "the place of the work tree on `{host}` is taken by files that are not ez's",
        "move them away, or name the environment with `--name`",
    ),
    "other-source": (
        "the environment's files on `{host}` came from elsewhere: {detail}",
        "give this one a name of its own with `--name`",
    ),
    "conflict": (
        "files changed here and on `{host}`, and both are kept as they are: {detail}",
        "commit and push on `{host}` and pull here, or carry to a new environment with `--name`",
    ),
    "in-the-way": (
        "files on `{host}` that Git does not know stand in the way: {detail}",
        "move them away there, then run the same line again",
    ),
    "edited": (
        "the work tree on `{host}` has changes that are not committed, so it stays on its branch",
        "commit them there, then run the same line again",
    ),
    "unnamed": (
        "commits on `{host}` that no branch holds would be lost from sight: {detail}",
        "give them a branch there with `git branch NAME`, then run the same line again",
    ),
    "overtaken": ("another ez carried to `{host}` at the same time", "run the same line again"),
    "moved": ("branches on `{host}` moved while they were being updated", "run the same line again"),
    "index-lock": (
        "another Git command is at work on `{host}`, or left `.git/index.lock`",
        "wait for it, or remove the lock if nothing runs",
    ),
    "ref-missing": ("no such branch, tag or commit: {detail}", "name one that `git ls-remote` lists"),
    "too-large": (
        "the files that the build needs are too large to be read from `{host}`: {detail} bytes",
        "copy less in the build file",
    ),
    "unreadable": ("files that the build needs cannot be read on `{host}`", "make them readable there with `chmod`"),
    "incomplete": (
        "the history on `{host}` has gaps, so that nothing was carried over",
        "carry to a new environment with `--name`",
    ),
    "unusual": ("the repo cannot be checked out on `{host}`: {detail}", "look at the names of its files"),
    "no-repo": ("not a Git repo, so it cannot be carried: {detail}", "git init there"),
    "part": ("only a part of a repo, which is carried as a whole: {detail}", "name the repo's top directory"),
    "reftable": ("the repo keeps its branches in a form that ez cannot carry yet: reftable", "git refs migrate"),
    "partial": ("a partial clone lacks files, so it cannot be carried", "clone it without `--filter`"),
    "way": ("something stands in the way on `{host}`: {detail}", "move it away there, then run the same line again"),
    "damaged": ("an object of LFS is damaged, so it was not carried: {detail}", "git lfs fsck"),
    "programs": (
        "an unfinished operation would run programs on this computer when it goes on: {detail}",
        "look at them; `--allow-programs` brings it all the same",
    ),
    "gone": ("the work tree is no longer on `{host}`", "run the same line again"),
}


def said(word: str, detail: str, host: str, result: Result) -> SourceError:
    """The error that a script has a word for."""
    if word not in WORDS:
        return failure(result, host)
    message, hint = WORDS[word]
    values = {"host": host, "detail": _shown_lines(detail), "ssh": _ssh(host)}
    return SourceError(message.format(**values), hint.format(**values))


def failure(result: Result, host: str) -> SourceError:
    """The error behind a command that Git or a tool ended. `host` is `local` for this computer."""
    text = result.stderr.decode("utf-8", "replace")
    for meaning in MEANINGS:
        match = re.search(meaning.pattern, text)
        if match:
            return _explained(meaning, match, host, text)
    lines = result.last_lines(10)
    told = ": " + shown(lines[-1]) if lines else ""
    return SourceError(
        f"Git could not finish its work on `{host}` (exit code {result.exit_code}){told}",
        "look at Git's own words in the run's log",
    )


def _explained(meaning: Meaning, match: re.Match[str], host: str, text: str) -> SourceError:
    groups = [shown(found) for found in match.groups() if found]
    groups += ["", ""]
    line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
    values = {"1": groups[0], "2": groups[1], "host": host, "ssh": _ssh(host), "line": shown(line.strip())}
    message = _fill(meaning.message, values).replace(": ``", "")
    return SourceError(message, _fill(meaning.hint, values))


def _fill(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], text)


def _ssh(host: str) -> str:
    return "" if host == LOCAL else f"`ez compute ssh {host}`, then "


def _shown_lines(text: str) -> str:
    return ", ".join(f"`{shown(line.strip())}`" for line in text.splitlines() if line.strip())
