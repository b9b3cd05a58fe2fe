"""What a person's agent, credentials and secrets are to an environment, hours after it was opened."""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.env.link.box import until
from tests.env.source.server import git_http_server
from tests.integration.person import EZ, Done, Person
from tests.integration.places import Place, commit, lent, write_files
from tests.testbed import Agent, GitServer, Testbed, TestComputer
from tests.testbed.agent import agent as started
from tests.testbed.shell import run

NAME = "t-link"
BUILD = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
    install.apt_packages(name=["tmux"])
"""
VALUES = {
    "AS_FILE": "value-of-a-file-7c1f",
    "AS_VARIABLE": 'it\'s a\n"variable" \\ é 7c1f',
    "PLAIN": "'plain' \"value\" \\ é 7c1f",
}
SERVER = """\
cd t-link
nohup sh -c '
    until [ -e asked ]; do sleep 0.05; done
    git push -q origin HEAD:server; echo $? >served.new; mv served.new served
' </dev/null >served.log 2>&1 &
"""
"""What an editor has `bash` read, which it starts with `ssh -T`: a process that stays."""


@dataclass(frozen=True)
class Opened:
    """An environment on a computer, with what its person has at home. `tree` is a path there."""

    person: Person
    place: Place
    agent: Agent
    tree: str

    def inside(self, script: str, *, check: bool = True) -> str:
        """Run a shell script in the container past SSH, as what was started there long ago does."""
        command = f"docker exec -u envd -w /home/envd/{NAME} -e HOME=/home/envd -e SSH_AUTH_SOCK=/run/ez/agent.sock"
        return self.place.root(f"{command} ez-{NAME} sh -c {shlex.quote(script)} 2>&1", check=check)

    def ez(self, *words: str, code: int | None = 0) -> Done:
        return self.person.ez(*words, code=code)

    def start_server(self, agent: Agent) -> None:
        command = ["ssh", *self.person.ssh_options, "-A", "-T", "-o", "ControlPath=none", f"{NAME}.ez", "bash"]
        environment = {**self.person.environment, **agent.environment}
        subprocess.run(command, env=environment, input=SERVER.encode(), check=True, timeout=60)

    @contextmanager
    def session(self, agent: Agent) -> Iterator[None]:
        """An SSH session of a connection of its own, with that agent, while the block lasts."""
        alone = ("-A", "-o", "ControlMaster=no", "-o", "ControlPath=none")
        command = ["ssh", *self.person.ssh_options, *alone, f"{NAME}.ez", "echo in && cat"]
        environment = {**self.person.environment, **agent.environment}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"in\n"
            yield
            process.stdin.close()
            process.wait(20)

    def keys(self) -> list[str]:
        """The comments of the keys that the one socket shows."""
        return [line.split()[2] for line in self.inside("ssh-add -l; true").splitlines() if "SHA256:" in line]


@pytest.fixture(scope="module")
def opened(testbed: Testbed, ready: TestComputer, git_server: GitServer) -> Iterator[Opened]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ez-home-")))
        agent = stack.enter_context(testbed.agent(client_key=True))
        person = Person(home, {**agent.environment, "EZ_LINK": "on", "GNUPGHOME": str(home / "g")})
        person.knows(git_server.known_hosts)
        key = git_server.user_key.with_suffix(".pub").read_text()
        (home / "signing.pub").write_text(key)
        settings = f"[gpg]\n\tformat = ssh\n[user]\n\tsigningkey = {home}/signing.pub\n[credential]\n\thelper = store\n"
        with (home / ".gitconfig").open("a") as file:
            file.write(settings)
        files = {"build.envd": BUILD, "ez.toml": '[secrets]\nOTHER = "file"\n'}
        url = git_server.create(NAME, commit(write_files(home / "work", files)))
        stack.callback(git_server.remove, NAME)
        place = stack.enter_context(lent(ready, person, "box"))
        for name, value in VALUES.items():
            _set(person, name, value)
        wanted = ("--secret", "AS_FILE", "--secret", "AS_VARIABLE=env", "--secret", "PLAIN=env:OTHER_NAME")
        person.ez("env", "go", url, "-c", "box", "--name", NAME, "--no-open", *wanted)
        stack.callback(person.ez, "env", "link", "stop", NAME, code=None)
        stack.callback(run, "gpgconf", "--homedir", str(home / "g"), "--kill", "all", check=False)
        yield Opened(person, place, agent, person.environments()[NAME]["host_path"])


def _set(person: Person, name: str, value: str) -> None:
    command, variables = [str(EZ), "secret", "set", name], person.environment
    subprocess.run(command, input=value + "\n", text=True, env=variables, check=True, capture_output=True)


def test_an_old_process_pushes_by_the_newest_session(opened: Opened) -> None:
    """The third session's agent alone has a key that the Git server knows; no connection is kept."""
    opened.ez("env", "link", "stop", NAME)
    with started() as nothing, started() as nothing_either:
        with opened.session(nothing):
            opened.inside("tmux new-session -d -s work")
            opened.start_server(nothing)
            with opened.session(nothing_either):
                pass
        assert opened.keys() == []
        told = opened.inside("git -c core.sshCommand='ssh -o BatchMode=yes' ls-remote origin", check=False)
        assert "Permission denied" in told
        with opened.session(opened.agent):
            opened.inside("git commit -q --allow-empty -m work")
            push = "git push -q origin HEAD; echo $? > pushed.new; mv pushed.new pushed"
            opened.inside(f"tmux send-keys -t work '{push}' Enter")
            until(lambda: opened.inside("ls").find("pushed\n") >= 0, timeout=60)
            assert opened.inside("cat pushed") == "0\n"
            opened.inside("touch asked")
            until(lambda: opened.inside("ls").find("served\n") >= 0, timeout=60)
            assert opened.inside("cat served") == "0\n", opened.inside("cat served.log")
            opened.inside("rm -f pushed asked served served.log")
    assert opened.inside("git ls-remote origin", check=False).count("Permission denied") == 1


def test_a_kept_connection_brings_the_agent_and_comes_back(opened: Opened) -> None:
    first = opened.ez("env", "link", "start", NAME, "--json").json
    assert first["connected"]
    memory = Path(f"/proc/{first['pid']}/status").read_text().partition("VmRSS:")[2].split()[0]
    assert int(memory) < 60_000, f"the keeper has {memory} kB"
    shown = opened.ez("env", "agent", NAME, "--json").json
    assert shown["home"] == {"allowed": True, "socket": str(opened.agent.socket), "keys": 2, "waiting": 0}
    assert shown["inside"] == {"socket": "/run/ez/agent.sock", "answers": True, "keys": 2, "said": ""}
    info = opened.ez("env", "info", NAME, "--json").json
    assert (info["sessions"], info["home"]["link"], info["home"]["agent"]) == (0, first, shown["home"])
    assert {"kind": "agent", "name": ""} in info["home"]["allowed"]
    assert [one["name"] for one in info["home"]["secrets"]] == sorted(VALUES)
    opened.inside("git commit -q --allow-empty -m more && git push -q origin HEAD")
    assert opened.ez("env", "agent", NAME, "--log", "--json").json[-1]["answer"] == "signed"

    (ssh,) = [pid for pid in _children(first["pid"]) if b"-M" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(ssh, signal.SIGKILL)
    until(lambda: opened.ez("env", "link", "show", NAME, "--json").json["connections"] == 2)
    assert len(opened.keys()) == 2

    opened.ez("env", "allow", NAME, "agent", "--remove")
    assert opened.keys() == []
    assert "not allowed" in opened.ez("env", "agent", NAME).stdout
    opened.ez("env", "allow", NAME, "agent")


def test_commits_are_signed_by_the_agent_and_by_gpg_at_home(opened: Opened) -> None:
    opened.ez("env", "link", "start", NAME)
    opened.inside("git commit -q -S --allow-empty -m ssh")
    assert "BEGIN SSH SIGNATURE" in opened.inside("git cat-file commit HEAD")

    home = opened.person.home
    (home / "g").mkdir(mode=0o700)
    make = ("--batch", "--passphrase", "", "--quick-generate-key", "ann@example.org", "ed25519", "sign")
    opened.person.run("gpg", *make)
    sign = "git -c gpg.format=openpgp -c user.signingkey=ann@example.org commit -q -S --allow-empty -m gpg"
    assert "failed to sign" in opened.inside(sign, check=False)
    assert opened.ez("env", "agent", NAME, "--log", "--json").json[-1]["answer"] == "refused"
    opened.ez("env", "allow", NAME, "gpg", "ann@example.org")
    opened.inside(sign)
    entered = shlex.join(["ssh", *opened.person.ssh_options])
    opened.person.run("git", "-c", f"core.sshCommand={entered}", "clone", "-q", f"{NAME}.ez:{NAME}", str(home / "copy"))
    verified = opened.person.run("git", "-C", str(home / "copy"), "verify-commit", "HEAD")
    assert "Good signature" in verified.stderr


def test_git_over_https_is_answered_at_home_for_allowed_servers(opened: Opened, tmp_path: Path) -> None:
    opened.ez("env", "link", "start", NAME)
    root = tmp_path / "srv"
    run("git", "init", "-q", "--bare", str(root / "private" / "repo.git"))
    run("git", "-C", str(root / "private" / "repo.git"), "config", "http.receivepack", "true")
    opened.place.root(f"cat >{opened.tree}/cert.pem <<'END'\n{_certificate(tmp_path)}\nEND")
    with git_http_server(root) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.authorization = f"Basic {base64.b64encode(b'ann:token-7c1f').decode()}"
        (opened.person.home / ".git-credentials").write_text("https://ann:token-7c1f@localhost:8443\n")
        lead = ("-R", f"127.0.0.1:8443:127.0.0.1:{server.server_address[1]}", "-o", "ControlPath=none")
        command = ["ssh", *opened.person.ssh_options, *lead, f"{NAME}.ez", "echo in && cat"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=opened.person.environment, stdin=pipe, stdout=pipe) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"in\n"
            url = "https://localhost:8443/private/repo.git"
            push = f"GIT_TERMINAL_PROMPT=0 GIT_SSL_CAINFO=cert.pem git push -q {url} HEAD"
            assert f"ez env allow {NAME} git https://localhost:8443" in opened.inside(push, check=False)
            opened.ez("env", "allow", NAME, "git", "https://localhost:8443")
            opened.inside(push)
            process.communicate()
    assert run("git", "-C", str(root / "private" / "repo.git"), "rev-parse", "--all").stdout
    assert "token-7c1f" not in opened.inside("grep -r token-7c1f /home/envd /etc/ez 2>/dev/null; true")


def test_the_login_of_a_registry_stays_at_home(opened: Opened) -> None:
    opened.ez("env", "link", "start", NAME)
    auth = base64.b64encode(b"ann:login-7c1f").decode()
    docker = opened.person.home / ".docker"
    docker.mkdir()
    (docker / "config.json").write_text(json.dumps({"auths": {"registry.example.org": {"auth": auth}}}))
    ask = "printf {} | docker-credential-ez get"
    assert "ez env allow" in opened.inside(ask.format("registry.example.org"), check=False)
    opened.ez("env", "allow", NAME, "registry", "registry.example.org")
    found = json.loads(opened.inside(ask.format("registry.example.org")))
    assert found == {"ServerURL": "registry.example.org", "Username": "ann", "Secret": "login-7c1f"}
    for alike in ("registry.example.org.evil", "registry.example.org/x", "Registry.example.org"):
        assert "login-7c1f" not in opened.inside(ask.format(alike), check=False)
    assert json.loads(opened.inside("cat ~/.docker/config.json")) == {"credsStore": "ez"}
    opened.ez("env", "link", "stop", NAME)
    assert "nobody at home answers" in opened.inside(ask.format("registry.example.org"), check=False)
    opened.ez("env", "exec", NAME, "--", "true")
    until(lambda: opened.ez("env", "link", "show", NAME, "--json").json["connected"])


def test_secrets_are_in_memory_and_nowhere_else(opened: Opened) -> None:
    _sees_secrets(opened)
    assert {"AS_FILE"} <= {one["name"] for one in opened.ez("secret", "ls", "--json").json}
    listed = opened.ez("env", "allow", NAME, "--json").json["rules"]
    assert {rule["name"] for rule in listed if rule["kind"] == "secret"} == set(VALUES)
    assert opened.inside("ls /run/secrets").split() == ["AS_FILE"]

    everywhere = opened.place.root(
        f"docker container inspect ez-{NAME}; docker logs ez-{NAME} 2>&1; docker export ez-{NAME} | grep -a 7c1f;"
        f"docker history --no-trunc $(docker container inspect -f '{{{{.Image}}}}' ez-{NAME});"
        f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -v grep;"
        f"grep -ra 7c1f {opened.tree} $(dirname {opened.tree})/.ez/{NAME} /tmp /var/log 2>/dev/null; true"
    )
    found = [path for path in opened.person.home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(found) > 10
    for text in (everywhere, *(path.read_bytes().decode("utf-8", "replace") for path in found)):
        for value in VALUES.values():
            assert value not in text
            assert base64.b64encode(value.encode()).decode() not in text


def test_a_repo_that_is_cloned_gets_what_its_person_agrees_to(opened: Opened) -> None:
    """Its `ez.toml` asks for OTHER."""
    _set(opened.person, "OTHER", "other-7c1f")
    go = ("env", "go", opened.person.environments()[NAME]["repo_url"], "-c", "box", "--name", NAME, "--no-open")
    assert "the repo wants your secret `OTHER`, which it does not get" in opened.ez(*go, "--yes").stderr
    for answer, files in (("n\n", "AS_FILE\n"), ("y\n", "AS_FILE\nOTHER\n")):
        with Terminal(opened.person, *go) as terminal:
            assert f"/{NAME}.git wants your secret `OTHER` as /run/secrets/OTHER." in terminal.until("[y/N]")
            terminal.send(answer)
            terminal.rest()
            assert terminal.code() == 0
        assert opened.inside("ls /run/secrets") == files
    assert "wants" not in opened.ez(*go).stderr
    opened.ez("env", "allow", NAME, "secret", "OTHER", "--remove")
    opened.ez("secret", "give", NAME)


def test_a_restarted_environment_gets_its_secrets_again(opened: Opened) -> None:
    opened.ez("env", "link", "start", NAME)
    opened.place.root(f"docker restart -t 2 ez-{NAME}")
    until(lambda: "value-of" in opened.inside("cat /run/secrets/AS_FILE 2>/dev/null; true", check=False))
    _sees_secrets(opened)
    _set(opened.person, "AS_FILE", "another-7c1f")
    opened.ez("secret", "give", NAME)
    assert opened.inside("cat /run/secrets/AS_FILE") == "another-7c1f"
    opened.ez("env", "allow", NAME, "secret", "AS_FILE", "--remove")
    opened.ez("secret", "give", NAME)
    assert opened.inside("ls -A /run/secrets").split() == [".sshd_config", ".variables"]
    opened.ez("env", "delete", NAME, "--work-tree", "--force", "--yes")
    assert not opened.person.ez("env", "link", "show", NAME, code=1).stdout


def _sees_secrets(opened: Opened) -> None:
    assert opened.inside("cat /run/secrets/AS_FILE") == VALUES["AS_FILE"]
    assert opened.inside("stat -c %a,%U /run/secrets/AS_FILE") == "400,envd\n"
    shown = 'printf %s "$AS_VARIABLE $OTHER_NAME"'
    for command in (shown, f"bash -lc {shlex.quote(shown)}", f"sh -c {shlex.quote(shown)}"):
        assert opened.person.ssh(f"{NAME}.ez", command).stdout == f"{VALUES['AS_VARIABLE']} {VALUES['PLAIN']}"
    assert opened.person.ssh(f"{NAME}.ez", "ls /run/secrets/OTHER", code=2).stdout == ""


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _certificate(folder: Path) -> str:
    words = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    run("openssl", "req", "-x509", *words, *names, *files)
    return (folder / "cert.pem").read_text()
