"""`python -m proxy.supervisor FD`: FD holds the plan. One loop over lifelines, signals and the clock."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time

import msgspec

from proxy import log
from proxy.notify import notify
from proxy.supervisor.settings import Child, Plan

FIRST_RESTART_SECONDS = 0.1
HEALTHY_SECONDS = 60.0  # a life that lasted this long wipes out the failures before it
LATE_SECONDS = 5.0
ORDER_SECONDS = 1.0  # a child that does not read for so long loses the order, and soon its life
STOP_SECONDS = 5.0
AGAIN_SECONDS = 0.2  # timeout(1) and others signal the process and its group: that is one signal


class Part:
    """One child over its lives: start it, hear its beats, give it orders, know when to try again."""

    def __init__(self, child: Child, selector: selectors.BaseSelector) -> None:
        self.child, self._selector = child, selector
        self.process: subprocess.Popen[bytes] | None = None
        self.ready, self._lives, self._failures = False, 0, 0
        self.start_at = self.heard_at = self.leave_by = self._started_at = 0.0
        self.told: object = None
        self._who = {"name": child.name, "part": child.part}
        self._line = socket.socket()

    def start(self, now: float) -> None:
        self._lives, self.heard_at, self._started_at, self.told = self._lives + 1, now, now, None
        self._line, theirs = socket.socketpair()
        self._line.settimeout(ORDER_SECONDS)
        self._selector.register(self._line, selectors.EVENT_READ, self)
        fd, inherited = theirs.fileno(), self.child.descriptors
        with theirs:
            try:  # stdout=2: only the supervisor speaks on stdout
                self.process = subprocess.Popen(self.child.argv, stdin=fd, stdout=2, pass_fds=inherited)
            except OSError as error:
                return self.ended(now, f"cannot start: {error}")
        log.get_logger().info("started", name=self.child.name, pid=self.process.pid, life=self._lives)
        self.order({**self.child.settings, "life": self._lives})

    def order(self, order: object) -> None:
        with contextlib.suppress(OSError):
            self._line.sendall(msgspec.json.encode(order) + b"\n")

    def hear(self, now: float) -> None:
        heard = b""
        with contextlib.suppress(OSError):
            heard = self._line.recv(4096)
        if not heard:
            return self._hang_up()  # it ends now, or will be killed for not beating
        self.heard_at, self.ready = now, self.ready or b"R" in heard

    def _hang_up(self) -> None:
        if self._line.fileno() >= 0:
            self._selector.unregister(self._line)
            self._line.close()

    def kill(self, why: str, now: float) -> None:
        if self.process is not None:
            log.get_logger().error("killing", name=self.child.name, why=why)
            os.kill(self.process.pid, signal.SIGKILL)  # not yet reaped, so the pid is still its own
        self.heard_at = self.leave_by = now + 1.0

    def ended(self, now: float, how: str) -> None:
        self._hang_up()
        self.process, self.ready = None, False
        self._failures = 0 if now - self._started_at >= HEALTHY_SECONDS else self._failures + 1
        delay = FIRST_RESTART_SECONDS * 2 ** min(self._failures, 10)
        self.start_at = now + min(delay, self.child.restart_limit_seconds)
        say = log.get_logger().info if how == "exit 0" else log.get_logger().warning
        say("ended", name=self.child.name, how=how, life=self._lives)

    def status(self, now: float) -> dict[str, object]:
        alive = ("late" if now - self.heard_at > LATE_SECONDS else "up") if self.ready else "starting"
        state = alive if self.process else "down"
        pid = self.process.pid if self.process else 0
        return {**self._who, "state": state, "starts": self._lives, "pid": pid}


class Supervisor:
    def __init__(self, file: int) -> None:
        self._file, self._plan = file, read_plan(file)
        self._selector = selectors.DefaultSelector()
        self._parts = [Part(child, self._selector) for child in self._plan.children]
        self._announced, self._asked_at, self._leaving = False, 0.0, ""  # or the order: drain, stop
        self._check: subprocess.Popen[bytes] | None = None
        self._configured = {"at": time.time(), "ok": True}
        log.configure("supervisor", self._plan.log_format, self._plan.log_level)

    def run(self) -> None:
        woken, waking = socket.socketpair()
        waking.setblocking(False)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._selector.register(woken, selectors.EVENT_READ)
        while not self._leaving or any(part.process for part in self._parts):
            notify("WATCHDOG=1")
            (self._leave if self._leaving else self._watch)(time.monotonic())
            for key, _ in self._selector.select(self._until_next(time.monotonic())):
                if isinstance(key.data, Part):
                    key.data.hear(time.monotonic())
                else:
                    self._signals(woken.recv(4096))

    def _until_next(self, now: float) -> float:
        if self._leaving:
            return 0.1
        limit = self._plan.beat_limit_seconds
        due = (part.heard_at + limit if part.process else part.start_at for part in self._parts)
        return max(0.01, min(1.0, *(at - now for at in due)))

    def _signals(self, numbers: bytes) -> None:
        if signal.SIGCHLD in numbers:
            self._reap(time.monotonic())
        if signal.SIGHUP in numbers and self._check is None and self._plan.check:
            argv = (*self._plan.check, str(self._file))
            with contextlib.suppress(OSError):
                self._check = subprocess.Popen(argv, stdout=2, pass_fds=(self._file,))
        asked_at = time.monotonic() if {signal.SIGTERM, signal.SIGINT} & set(numbers) else 0.0
        if asked_at - self._asked_at > AGAIN_SECONDS:
            self._asked_at = asked_at
            self._leaving = "stop" if self._leaving else "drain"
            notify("STOPPING=1")
            for part in self._parts:
                part.leave_by = 0.0  # not yet told

    def _watch(self, now: float) -> None:
        for part in self._parts:
            if part.process is None and now >= part.start_at:
                part.start(now)
            elif part.process and now - part.heard_at > self._plan.beat_limit_seconds:
                part.kill("no beat", now)
        if not self._announced and all(part.ready for part in self._parts if part.child.awaited):
            self._announced = True
            notify("READY=1")
            with contextlib.suppress(OSError):  # nobody may be reading
                os.write(1, self._plan.ready_line.encode() + b"\n")
        parts = [part.status(now) for part in self._parts]
        status = {"order": "status", "parts": parts, "configured": self._configured}
        for part in self._parts:
            if part.child.part == self._plan.reports_to and part.ready and part.told != status:
                part.order(status)
                part.told = status

    def _leave(self, now: float) -> None:
        running = [part for part in self._parts if part.process]
        for part in running:
            if self._leaving == "drain" and part.child.part != running[0].child.part:
                continue  # its turn comes when those before it are gone
            if not part.leave_by:
                limits = {"drain": part.child.drain_limit_seconds, "stop": STOP_SECONDS}
                part.leave_by = now + limits[self._leaving]
                part.order({"order": self._leaving})
            elif now > part.leave_by:
                part.kill("did not leave in time", now)
        for descriptor in (fd for part in self._parts if not part.process for fd in part.child.listeners):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as listener:
                listener.shutdown(socket.SHUT_RDWR)  # reaches every copy: nobody waits in a dead queue

    def _reap(self, now: float) -> None:
        with contextlib.suppress(ChildProcessError):  # strangers too: a container's first process has such
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self._ended(now, found[0], os.waitstatus_to_exitcode(found[1]))

    def _ended(self, now: float, pid: int, status: int) -> None:
        how = f"killed by signal {-status}" if status < 0 else f"exit {status}"
        for part in self._parts:
            if part.process and part.process.pid == pid:
                part.process.returncode = status
                part.ended(now, how)
        if self._check and self._check.pid == pid:
            self._check.returncode, self._check = status, None
            self._reloaded(how)

    def _reloaded(self, how: str) -> None:
        """SIGHUP: another process read the configuration, so that a bad one can do no harm here."""
        plan = self._plan
        with contextlib.suppress(msgspec.MsgspecError):  # another version's
            plan = read_plan(self._file) if how == "exit 0" else plan
        fresh = {child.name: child for child in plan.children if plan is not self._plan}
        for part in self._parts:  # the same settings too: files they name may be new
            if part.child.name in fresh:
                part.child = fresh[part.child.name]
                part.order({"order": "settings", "settings": part.child.settings})
        log.configure("supervisor", plan.log_format, plan.log_level)
        self._plan, said = plan, "settings reloaded" if fresh else "settings unchanged"
        self._configured = {"at": time.time(), "ok": True} if fresh else {**self._configured, "ok": False}
        log.get_logger().info(said, check=how, notes="; ".join(plan.notes))


def read_plan(file: int) -> Plan:
    return msgspec.json.decode(os.pread(file, os.fstat(file).st_size, 0), type=Plan)


if __name__ == "__main__":
    Supervisor(int(sys.argv[1])).run()
