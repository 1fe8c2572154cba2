"""A machine of its own under a real systemd, in private namespaces: what a test installs, changes and starts there is
nowhere else, and goes with it.

    machine = Machine()
    machine.boot()
    machine.run("systemctl", "start", "forebay.target")
    machine.write("/etc/forebay/host", "a")
    machine.end()

Its /usr and /etc are the real ones with layers above; /var/lib, /var/log, /run and /tmp are empty; there is only a
loopback network, until link() joins two of them. Its name is web-17 unless another is wanted. sysinit.target is empty but for the journal, so that none of the real system's
services start.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from forebay_test.waiting import wait_until

# A cgroup of its own below ours first: the root of a cgroup namespace is where its first process is.
ENTER = """
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/$NAME
mkdir "$group"
echo $$ >"$group/cgroup.procs"
exec unshare --pid --cgroup --uts --ipc --net --mount --fork --kill-child --mount-proc sh -euc "$BOOT"
"""

BOOT = """
umount /sys/fs/cgroup
mount --bind /sys /sys
mount -o remount,bind,ro /sys
mount -t cgroup2 none /sys/fs/cgroup
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys

mount -t tmpfs none "$FOLDER/layers"
cd "$FOLDER/layers"
mkdir usr usr.work etc etc.work dev
mount -t overlay none -o "lowerdir=$FOLDER/installed/usr:/usr,upperdir=usr,workdir=usr.work" /usr
mount -t overlay none -o "lowerdir=/etc,upperdir=etc,workdir=etc.work" /etc
mount -t tmpfs none dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
mount -t tmpfs none dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount --rbind dev /dev
cd /
for empty in /run /var/lib /var/log /var/tmp /etc/systemd/system /tmp; do
  mount -t tmpfs -o size=2g none "$empty"  # what fills it up leaves room for others
done
chmod 1777 /tmp /var/tmp
echo "$HOST" >/etc/hostname
mkdir -p /run/log/journal
systemd-tmpfiles --create --prefix=/run/log/journal  # whose it is, and who may read it
rm -r /usr/lib/systemd/system/sysinit.target.wants
printf '[Unit]\nDefaultDependencies=no\nWants=systemd-journald.socket systemd-journald.service\n' \
  >/etc/systemd/system/sysinit.target
printf '[Unit]\nDefaultDependencies=no\nRequires=sysinit.target\nAfter=sysinit.target\n' \
  >/etc/systemd/system/only-this.target
for none in basic.target network-online.target; do
  printf '[Unit]\nDefaultDependencies=no\n' >"/etc/systemd/system/$none"
done
if [ "$INSTALLED" = True ]; then
  systemd-sysusers forebay.conf
  systemd-tmpfiles --create forebay.conf
fi
exec env -i container=forebay-test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --unit=only-this.target
"""

REMOVE = """
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/$NAME
[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} +
"""

PRIVATE = ["unshare", "--mount", "--propagation", "private", "sh", "-euc"]
PROBE = "mount -t cgroup2 none /sys/fs/cgroup && unshare --pid --cgroup --uts --ipc --net --mount --fork --mount-proc true"


def why_none():
    """Why there can be no machine here; None if there can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    missing = [each for each in ("unshare", "nsenter", "setpriv", "systemctl", "cmake") if not shutil.which(each)]
    if missing:
        return f"no {' and no '.join(missing)} here"
    if not os.path.exists("/lib/systemd/systemd"):
        return "no systemd here"
    probe = subprocess.run([*PRIVATE, PROBE], capture_output=True, text=True)
    return None if probe.returncode == 0 else f"no namespaces here: {probe.stderr.strip()}"


class Machine:
    def __init__(self, host="web-17"):
        self._host = host
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="fb-", dir="/tmp"))
        self.name = self._folder.name
        self._outer = self._pid = None

    def boot(self, installed=True):
        """What the build would install is installed, its user and folders are made (or not), systemd is up."""
        build = pathlib.Path(os.environ["FOREBAY_BIN"]).parent
        folder = self._folder / "installed"
        (folder / "usr").mkdir(parents=True)
        environment = dict(os.environ, DESTDIR=str(folder))
        command = ["cmake", "--install", build, "--component", "forebay"]
        if installed:
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        (self._folder / "layers").mkdir()
        with open(self._folder / "boot.log", "wb") as log:
            command = ["setpriv", "--pdeathsig", "KILL", *PRIVATE, ENTER]
            environment = dict(os.environ, **self._environment(), BOOT=BOOT, INSTALLED=str(installed))
            self._outer = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._pid = wait_until(self._first_process, "the first process is there")
        wait_until(self._is_up, f"systemd is up in {self._folder}", 30)

    def _environment(self):
        return {"FOLDER": str(self._folder), "NAME": self.name, "HOST": self._host}

    def _first_process(self):
        """Of the namespace: the one child of unshare, which the shell became."""
        self._check()
        children = pathlib.Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        try:
            inside = children and os.readlink(f"/proc/{children[0]}/ns/pid") != os.readlink("/proc/self/ns/pid")
        except FileNotFoundError:  # it was a command of the shell's, and has ended
            return None
        return int(children[0]) if inside else None

    def _is_up(self):
        self._check()
        state = self.attempt("systemctl", "is-active", "only-this.target")
        return state.stdout.strip() == "active"

    def _check(self):
        if self._outer.poll() is not None:
            raise AssertionError(f"no machine: {(self._folder / 'boot.log').read_text(errors='replace')}")

    def end(self):
        """With all its processes; nothing of it stays."""
        if self._outer:
            if self._pid:
                os.kill(self._pid, signal.SIGKILL)
            else:
                self._outer.kill()
            self._outer.wait()
            environment = dict(os.environ, **self._environment())
            remove = [*PRIVATE, REMOVE]
            wait_until(lambda: subprocess.run(remove, env=environment, capture_output=True).returncode == 0, "its cgroups are removed")
        shutil.rmtree(self._folder)

    def link(self, other, address, other_address):
        """A cable between two machines, eth0 in each."""
        ends = ["name", "eth0", "netns", str(self._pid)], ["name", "eth0", "netns", str(other._pid)]
        subprocess.run(["ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1]], check=True)
        for machine, its in ((self, address), (other, other_address)):
            machine.run("ip", "address", "add", its, "dev", "eth0")
            machine.run("ip", "link", "set", "eth0", "up")

    def inside(self, *words, user=None):
        """The command line that runs these words there."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env"] if user else []
        return ["nsenter", "-t", str(self._pid), "--all", *as_user, *map(str, words)]

    def attempt(self, *words, user=None, **options):
        options = {"stdin": subprocess.DEVNULL, **options} if "input" not in options else options
        options["start_new_session"] = True  # what a command there does to its process group stays there
        return subprocess.run(self.inside(*words, user=user), capture_output=True, text=True, timeout=60, **options)

    def run(self, *words, user=None, **options):
        """What it prints; fails if it does."""
        done = self.attempt(*words, user=user, **options)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.journal()}")
        return done.stdout

    def journal(self):
        return self.attempt("journalctl", "--no-pager", "-o", "short-monotonic", "-n", "100").stdout

    def installed(self, name):
        """Where a file that was installed lies in the machine, wherever the build's prefix is."""
        folder = self._folder / "installed"
        return "/" + str(next(folder.rglob(name)).relative_to(folder))

    def path(self, path):
        """Where a file of the machine is to be found from outside."""
        return pathlib.Path(f"/proc/{self._pid}/root{path}")

    def write(self, path, text):
        self.path(path).write_text(text)

    def show(self, unit, *properties):
        """The values of a unit's properties."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return tuple(values.get(each, "") for each in properties)
