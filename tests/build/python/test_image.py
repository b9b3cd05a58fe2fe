"""`Image`: a value whose steps know the lines that asked for them, and calls that refuse what makes no sense."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from ez.build import Bind, Cache, Git, Http, Image, Local, Scratch, Secret, Tmpfs
from ez.build.graph import (
    BindMount,
    CacheMount,
    CopyAction,
    Diff,
    Files,
    GitSource,
    HttpSource,
    ImageSource,
    LocalSource,
    Merge,
    MkFileAction,
    Note,
    Run,
    SecretMount,
    SecretVariable,
    SshMount,
    State,
    TmpfsMount,
    base_image,
    walk,
)
from ez.errors import DefinitionError

BASE = Image("ubuntu:22.04")
UNTYPED: Any = BASE


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def steps(image: Image) -> list[State]:
    return walk(image.made.state)


def note(state: State) -> Note:
    found = state.note  # type: ignore[union-attr]
    assert isinstance(found, Note)
    return found


def last(image: Image) -> Run:
    state = image.made.state
    assert isinstance(state, Run)
    return state


def line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_each_step_knows_the_line_of_its_call() -> None:
    first = line() + 2
    image = (
        Image("ubuntu:22.04")
        .apt_install("make", ["gcc", "g++"])
        .with_python("3.12")
        .env(A="1")
        .pip_install("numpy")
        .parallel(
            lambda image: image.run("one"),
            lambda image: image.mkdir("/two"),
        )
    )
    told = [(note(step).label, note(step).position.line - first) for step in steps(image)]  # type: ignore[union-attr]
    assert told == [
        ("base image ubuntu:22.04", 0),
        ("apt-get install make gcc g++", 1),
        ("install Python 3.12", 2),
        ("pip install numpy", 4),
        ("run one", 6),
        ("mkdir /two", 7),
        ("join work done side by side", 5),
        ("join work done side by side", 5),
    ]
    assert {note(step).position.file for step in steps(image)} == {__file__}  # type: ignore[union-attr]


def test_an_image_is_a_value() -> None:
    again = Image("ubuntu:22.04")
    assert (BASE.env(A="1"), hash(BASE)) == (again.env(A="1"), hash(again))
    assert BASE.env(A="1") != BASE.env(A="2") != BASE
    with pytest.raises(FrozenInstanceError):
        BASE.made = again.made  # type: ignore[misc]


def test_steps_see_what_was_set_before_them() -> None:
    image = BASE.env({"A": "1"}, B="2").path("/x", "/y").path("/z").workdir("/w/").user("nobody")
    step = last(image.run("make", "-j", env={"B": "3"}))
    assert (step.argv, dict(step.env)) == (("make", "-j"), {"DEBIAN_FRONTEND": "noninteractive", "A": "1", "B": "3"})
    assert (step.path, step.cwd, step.user) == (("/z", "/x", "/y"), "/w", "nobody")
    step = last(image.run("a && b", cwd="/", user="root", network=False))
    assert (step.argv, step.cwd, step.user, step.network) == (("/bin/sh", "-ec", "a && b"), "/", "root", False)
    assert last(image.apt_install("make")).user == ""
    config = image.label({"l": "m"}).entrypoint("e").cmd("c", "d").expose(80, host=8080, service="web").made.config
    assert (config.workdir, config.user, config.entrypoint, config.cmd) == ("/w", "nobody", ("e",), ("c", "d"))
    assert (config.env, config.ports, config.labels) == ((("A", "1"), ("B", "2")), ("80/tcp",), (("l", "m"),))


def test_mounts() -> None:
    seen = (Cache("/c", "c"), Tmpfs("/t", 5), Bind("/b", Local(), "data", writable=True), Bind("/i", BASE))
    step = last(BASE.run("x", mounts=seen, secrets=[Secret("s"), Secret("s", variable="S", optional=True)], ssh=True))
    cache, memory, data, image, *others = step.mounts
    assert (cache, memory) == (CacheMount("/c", "c"), TmpfsMount("/t", 5))
    assert isinstance(data, BindMount)
    assert isinstance(data.source, LocalSource)
    assert (data.selector, data.readonly, data.source.include) == ("data", False, ("data",))
    (whole,) = last(BASE.run("x", mounts=[Bind("/b", Local())])).mounts
    assert isinstance(whole, BindMount)
    assert (whole.selector, whole.source) == ("", LocalSource("context", (), ("**/.git",)))
    assert image == BindMount("/i", BASE.made.state)
    assert others == [SecretMount("/run/secrets/s", "s"), SecretVariable("S", "s", True), SshMount()]


def test_copies_say_where_from_and_whose() -> None:
    tool = Image("debian:12").mkfile("/tool", "x")
    image = (
        Scratch()
        .copy("data/*", "/data/", owner="5:6", mode=0o600, exclude=["**/*.pyc"])
        .copy_from(tool, "/tool", "/bin/", owner=7)
        .copy_from("debian:13", "/etc/os-release", "/release")
        .git("https://example.org/a.git", "/src", ref="main")
        .http("https://example.org/b/f.tar?x", "/opt/", checksum="sha256:" + "0" * 64)
        .copy_from(Git("git@example.org:c.git", subdirectory="sub"), "/", "/sub")
    )
    actions = [step.actions[0] for step in steps(image) if isinstance(step, Files)]
    data, made, released, git, http, sub = (one for one in actions if isinstance(one, CopyAction))
    assert data.origin == LocalSource("context", ("data/\\*",), ("**/.git", "**/*.pyc"))
    assert (data.source, data.target, data.uid, data.gid, data.mode) == ("/data/*", "/data/", 5, 6, 0o600)
    assert (made.origin, made.target, made.uid, made.gid) == (tool.made.state, "/bin/", 7, 7)
    assert (released.origin, released.uid) == (ImageSource("debian:13"), None)
    assert git.origin == GitSource("https://example.org/a.git", "main")
    assert http.origin == HttpSource("https://example.org/b/f.tar?x", "f.tar", "sha256:" + "0" * 64)
    assert (http.source, http.target) == ("/f.tar", "/opt/")
    assert sub.origin == GitSource("git@example.org:c.git", subdirectory="sub")


def test_requirements_are_all_that_pip_sees(here: Path) -> None:
    (here / "requirements.txt").write_text("-r more.txt\n")
    (here / "more.txt").write_text("numpy\n")
    step = last(
        BASE.with_python("3.11").pip_install("scipy", requirements="requirements.txt", index="https://i.example")
    )
    source = next(mount.source for mount in step.mounts if isinstance(mount, BindMount))
    assert isinstance(source, LocalSource)
    assert source.include == ("more.txt", "requirements.txt")
    assert step.argv[-5:] == ("--index-url", "https://i.example", "scipy", "-r", "requirements.txt")
    (here / "more.txt").write_text("-e .\n")
    with pytest.raises(DefinitionError, match="names this directory itself"):
        BASE.pip_install(requirements="requirements.txt")
    assert last(BASE.workdir("/w").pip_install(requirements="requirements.txt")).cwd == "/w"


@pytest.mark.parametrize(
    ("base", "arguments", "reference"),
    [
        ("ubuntu:22.04", {"version": "12.4"}, "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04"),
        ("docker.io/library/ubuntu:noble", {"version": "13.0.1"}, "nvidia/cuda:13.0.1-cudnn-devel-ubuntu24.04"),
        ("ubuntu:jammy-20240808", {"version": "12.3"}, "nvidia/cuda:12.3.2-cudnn9-devel-ubuntu22.04"),
        ("ubuntu:20.04", {"version": "11.8", "flavour": "runtime"}, "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu20.04"),
        ("ubuntu:22.04", {"version": "12.6", "cudnn": False, "flavour": "base"}, "nvidia/cuda:12.6.3-base-ubuntu22.04"),
    ],
)
def test_cuda_changes_the_base_image(base: str, arguments: dict[str, str], reference: str) -> None:
    builder = Image(base).run("make")
    image = Image(base).apt_install("make").copy_from(builder, "/x", "/x").with_cuda(**arguments)  # type: ignore[arg-type]
    found = base_image(image.made.state)
    assert found is not None
    assert (found.reference, image.made.runtime.gpus) == (reference, -1)
    assert builder.made.state in steps(image)
    assert [type(step) for step in steps(image)] == [ImageSource, Run, ImageSource, Run, Files]


def test_the_platform_is_the_base_images() -> None:
    image = BASE.run("x").platform("linux/arm64")
    assert base_image(image.made.state) == Image("ubuntu:22.04", platform="linux/arm64").made.state


def test_branches_come_together_on_the_first() -> None:
    image = BASE.with_python("3.11").parallel(
        lambda image: image.apt_install("make").env(A="1"),
        lambda image: image.pip_install("numpy").copy("data", "/srv/").path("/p"),
        lambda image: image.mkfile("/srv/x", ""),
        lambda image: image.mkfile("/opt/y", "").label({"l": "1"}),
        lambda image: image,
    )
    merge = image.made.state
    assert isinstance(merge, Merge)
    assert last(BASE.with_python("3.11").apt_install("make")).argv == merge.inputs[0].argv  # type: ignore[union-attr]
    diffs = [one for one in merge.inputs if isinstance(one, Diff)]
    assert [one.paths for one in diffs] == [("/opt/venv", "/srv"), (), ("/opt/y",)]
    config = image.made.config
    assert (config.env, config.path, config.labels) == ((("A", "1"),), ("/p", "/opt/venv/bin"), (("l", "1"),))


@pytest.mark.parametrize(
    ("before", "branch", "paths"),
    [
        (lambda image: image.run("anything"), lambda image: image.mkfile("/x", ""), ()),
        (lambda image: image.mkfile("/a/b", ""), lambda image: image.mkfile("/a/b/c", ""), ()),
        (lambda image: image.mkfile("/a/b", ""), lambda image: image.mkfile("/a/bc", "").mkdir("/d"), ("/a/bc", "/d")),
        (lambda image: image.mkfile("/a", ""), lambda image: image.mkdir("/d").mkfile("/d/e", ""), ("/d",)),
        (lambda image: image.mkfile("/a", ""), lambda image: image.mkdir("/d").rm("/e"), ()),
        (lambda image: image.mkfile("/a", ""), lambda image: image.copy("d", "/"), ()),
        (lambda image: image.mkfile("/a", ""), lambda image: image.mkdir("/d").run("x"), ()),
    ],
)
def test_places_are_told_where_copies_of_them_do(
    before: Callable[[Image], Image], branch: Callable[[Image], Image], paths: tuple[str, ...]
) -> None:
    merge = BASE.parallel(before, branch).made.state
    assert isinstance(merge, Merge)
    assert isinstance(merge.inputs[1], Diff)
    assert merge.inputs[1].paths == paths


def test_merge_and_diff() -> None:
    made = BASE.run("make install")
    image = Image("debian:12").merge(made.diff(BASE))
    assert image.made.state == Merge((ImageSource("debian:12"), Diff(BASE.made.state, made.made.state)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Image("Not A Name"), "not an image reference: `Not A Name`"),
        (lambda: BASE.apt_install("-y"), "apt_install: not a name: `-y`"),
        (lambda: UNTYPED.apt_install(5), "apt_install: not a text: `5` of type int"),
        (lambda: BASE.with_python("2.7"), "with_python: not a version of Python 3: `2.7`"),
        (lambda: BASE.with_python().with_python(), "this image has Python 3.11 already"),
        (lambda: BASE.pip_install(), "pip_install: nothing to install"),
        (lambda: BASE.pip_install(requirements="../r.txt"), "pip_install: outside of the directory: `../r.txt`"),
        (lambda: BASE.pip_install(requirements="none.txt"), "no such file in the repo: `none.txt`"),
        (lambda: BASE.with_cuda("new"), "not a version of CUDA: `new`"),
        (lambda: BASE.with_cuda("12.7"), "publishes no image of CUDA 12.7"),
        (lambda: BASE.with_cuda("12.4", flavour="base"), "no `base` image with cuDNN"),
        (lambda: Image("ubuntu:24.04").with_cuda("12.4"), "no CUDA 12.4 for Ubuntu 24.04"),
        (lambda: Image("ubuntu:20.04").with_cuda("13.0"), "no CUDA 13.0 for Ubuntu 20.04"),
        (lambda: Image("debian:12").with_cuda("12.4"), "made of `debian:12`"),
        (lambda: Scratch().with_cuda("12.4"), "made of nothing"),
        (lambda: BASE.run(), "run: no program is named"),
        (lambda: UNTYPED.run(["make"]), "run: not a text: `['make']` of type list"),
        (lambda: BASE.run("x", env={"A B": "1"}), "run: not a variable's name: `A B`"),
        (lambda: BASE.run("x", cwd="here"), "run: not an absolute path: `here`"),
        (lambda: UNTYPED.run("x", mounts=["/data"]), "run: not something to mount: `/data`"),
        (lambda: BASE.run("x", secrets=[Secret("a/b")]), "run: not a secret's name: `a/b`"),
        (lambda: BASE.run("x", mounts=[Cache("/c", "ez-pip")]), "begin with `ez-` are ez's own: `ez-pip`"),
        (lambda: BASE.copy("/etc/passwd", "/x"), "outside of the directory: `/etc/passwd`"),
        (lambda: BASE.copy("a", "x"), "not an absolute path: `x`"),
        (lambda: BASE.copy("a", "/x", owner="root"), "not an owner: `root`"),
        (lambda: UNTYPED.copy_from(5, "/a", "/b"), "not a place to copy from: `5`"),
        (
            lambda: BASE.pip_install("six", index="https://u:SECRET@host/simple"),
            "pip_install: a password in the address `https://***@host`",
        ),
        (lambda: BASE.pip_install("x @ https://SECRET@host/x.whl"), "address `https://***@host`"),
        (lambda: BASE.git("https://u:SECRET@host/x.git", "/x"), "address `https://***@host`"),
        (lambda: BASE.http("https://u:SECRET@host/x", "/x"), "address `https://***@host`"),
        (lambda: BASE.http("ftp://example.org/x", "/x"), "not an address on the web"),
        (lambda: BASE.env(PATH="/x"), "env: `PATH` is not set this way"),
        (lambda: UNTYPED.env(A=1), "env: not a text: `1` of type int"),
        (lambda: BASE.expose(0), "expose: not a number from 1 to 65535: `0`"),
        (lambda: UNTYPED.expose(80, host="x"), "expose: not a number from 0 to 65535: `x`"),
        (lambda: UNTYPED.label("x"), "label: not values by name: `x`"),
        (lambda: UNTYPED.env("x"), "env: not values by name: `x`"),
        (lambda: BASE.mkfile("/x", "", mode=99999999), "mkfile: not a file's mode: `99999999`"),
        (lambda: BASE.copy("a", "/x", owner="5000000000"), "copy_from: not an owner: `5000000000`"),
        (lambda: BASE.run("x", mounts=[Tmpfs("/t", -1)]), "run: not a number from 0 to"),
        (lambda: BASE.platform("arm64"), "not a platform of a base image: `arm64`"),
        (lambda: UNTYPED.merge("debian:12"), "merge: not an image: `debian:12`"),
        (lambda: BASE.parallel(lambda image: Image("debian:12").run("x")), "parallel: a branch that begins elsewhere"),
        (
            lambda: BASE.parallel(lambda image: image.apt_install("a"), lambda image: image.with_python()),
            "parallel: two branches install packages",
        ),
    ],
)
def test_wrong_arguments_are_told_with_their_line(call: Callable[[], Image], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        call()
    error = caught.value
    assert message in error.message
    assert "SECRET" not in f"{error.message} {error.hint}"
    assert error.hint
    assert (error.file, error.line) == (__file__, call.__code__.co_firstlineno)


@pytest.mark.parametrize("image", [Http("https://example.org/x"), Local()])
def test_sources_are_values(image: object) -> None:
    assert {image: 1}


def test_a_definition_of_a_program(here: Path) -> None:
    (here / "data").mkdir()
    (here / "data" / "one").write_text("1")
    image = BASE.copy("data", "/srv", owner=1000).init("echo hi").daemon("sleep", "9")
    plain = image.user("nobody").definition()
    assert (plain.state, plain.config.user, plain.inputs) == (image.made.state, "nobody", ("data",))
    entered = image.definition("box", access=True)
    assert (entered.config.user, entered.runtime.workdir) == ("root", "/home/envd/box")
    assert entered.runtime.init == ("set -euo pipefail\necho hi",)
    first, access, *_ = [step for step in walk(entered.state) if not isinstance(step, LocalSource)]
    assert isinstance(access, Run)
    assert (first, access.argv[3]) == (BASE.made.state, "ez-access")
    last_step = entered.state
    assert isinstance(last_step, Files)
    written = {action.path: action.data for action in last_step.actions if isinstance(action, MkFileAction)}
    assert written["/usr/local/lib/ez/services/daemon_0"] == b"#!/bin/sh\nexec sleep 9\n"
    assert written["/usr/local/lib/ez/owned"] == b"/srv\n"
    (here / "data" / "one").write_text("2")
    assert image.definition("box", access=True).digest != entered.digest
    with pytest.raises(DefinitionError, match="grows from no other"):
        Scratch().mkdir("/x").definition(access=True)
    with pytest.raises(DefinitionError, match="no such file"):
        BASE.copy("nothing", "/x").definition()
