# Prove that a container sees the cards and that CUDA starts in it. $1: how many cards there are. Nothing is downloaded:
# the container's files are this machine's own shell and Python.
count=$1
# Of this run alone: of one that was killed, parts may still be at work.
root=$(mktemp -d "$EZ_JOB/proof.XXXXXX") || exit 1
image=ez/gpu-proof:${root##*.}
driver=$(loaded_driver)
# Under WSL the driver is that of Windows, and has no version here.
[ -n "$driver" ] || [ -e /usr/lib/wsl/lib/libcuda.so.1 ] || fail 'no NVIDIA driver is loaded' 'nvidia-smi'

# libraries_of PROGRAM...: what each wants, without what the toolkit brings.
libraries_of() { ldd "$@" 2>/dev/null | sed -n 's/^[^/]*\(\/[^ :]*\).*/\1/p' | grep -v 'nvidia\|libcuda' | sort -u; }

# take FILE...: into the container's files, with the libraries that each wants.
take() {
    for file in "$@" $(libraries_of "$@"); do
        [ -e "$root$file" ] || { mkdir -p "$root${file%/*}" && cp -L "$file" "$root$file"; } || exit 1
    done
}

take_python() {
    python=$(command -v python3) && python=$(readlink -f "$python") || return 1
    library=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') || return 1
    # Words, not one argument: files.
    take "$python" $(find "$library" -name '_ctypes*.so' -o -name '_struct*.so')
    mkdir -p "$root$library"
    (cd "$library" && find . -name '*.py' -not -path '*/test/*' -not -path './idlelib/*' -not -path '*-packages/*' \
        -o -name '_ctypes*.so' -o -name '_struct*.so') | tar -c -C "$library" -T - | tar -x -C "$root$library" || exit 1
}

take_compiled() {
    command -v gcc >/dev/null || return 1
    gcc -o "$root/start-cuda" -x c - -ldl <<'END' && take "$root/start-cuda"
#include <dlfcn.h>
#include <stdio.h>
int main(void) {
    int count = 0, status;
    void *cuda = dlopen("libcuda.so.1", RTLD_NOW);
    if (!cuda) { puts(dlerror()); return 1; }
    status = ((int (*)(unsigned))dlsym(cuda, "cuInit"))(0);
    if (!status) status = ((int (*)(int *))dlsym(cuda, "cuDeviceGetCount"))(&count);
    printf("cuda %d devices %d\n", status, count);
    return 0;
}
END
}

make_image() {
    mkdir -p "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run" "$root/usr/bin" "$root/sbin"
    take "$(readlink -f /bin/sh)" $(libraries_of "$(command -v nvidia-smi)" /usr/lib/*/libcuda.so.1 /usr/lib64/libcuda.so.1)
    mkdir -p "$root/bin"
    [ -e "$root/bin/sh" ] || cp -L /bin/sh "$root/bin/sh"
    cp -L /sbin/ldconfig "$root/sbin/ldconfig"
    [ ! -e /sbin/ldconfig.real ] || cp -L /sbin/ldconfig.real "$root/sbin/ldconfig.real"
    cp -rL /etc/ld.so.conf /etc/ld.so.conf.d "$root/etc/" 2>/dev/null
    # By this file the toolkit tells where libraries belong.
    cp -L /etc/debian_version "$root/etc/" 2>/dev/null
    if take_python; then
        start="$python -I -S -c 'from ctypes import CDLL, byref, c_int
cuda, count = CDLL(\"libcuda.so.1\"), c_int()
status = cuda.cuInit(0) or cuda.cuDeviceGetCount(byref(count))
print(\"cuda\", status, \"devices\", count.value)'"
    elif take_compiled; then
        start=/start-cuda
    else
        start=
    fi
    tar -c -C "$root" . | docker import - "$image" >/dev/null || { rm -rf "$root"; exit 1; }
    rm -rf "$root"
}

# Those of runs that were killed, too.
clean_up() { docker image ls --quiet ez/gpu-proof | xargs -r docker image rm --force >/dev/null 2>&1; }

# run_in_container WHAT: in the way that environments will have.
run_in_container() {
    libraries=/usr/lib/$(uname -m)-linux-gnu:/usr/lib64:/usr/lib
    timeout 300 docker run --rm --network none "$@" --env "LD_LIBRARY_PATH=$libraries" \
        --env NVIDIA_VISIBLE_DEVICES=all --env NVIDIA_DRIVER_CAPABILITIES=compute,utility "$image" /bin/sh -c "$program" 2>&1
}

# From 25 on engines know CDI, before 28.3 only where it is switched on; the other way is the toolkit's own hook.
in_some_way() {
    if nvidia-ctk cdi list 2>/dev/null | grep -q 'nvidia.com/gpu=all'; then
        answer=$(run_in_container --device nvidia.com/gpu=all) && return 0
        # Older engines take that for the path of a device, which nobody has to read.
        case "$answer" in *'not an absolute path'*) ;; *) printf '%s\n' "$answer" | tail -n 3 ;; esac
    fi
    answer=$(run_in_container --gpus all) && return 0
    # Engines look for the toolkit when they start.
    case "$answer" in *'could not select device driver'*) ;; *) return 1 ;; esac
    [ -z "$(timeout 15 docker ps --quiet)" ] || return 1
    systemctl restart docker.service
    answer=$(run_in_container --gpus all)
}

clean_up
make_image
program="nvidia-smi -L${start:+ && $start}"
if ! in_some_way; then
    printf '%s\n' "$answer"
    clean_up
    case "$answer" in
    *'could not select device driver'*) fail 'the Docker Engine does not know the container toolkit' 'docker info' ;;
    *'Driver/library version mismatch'*) fail 'the loaded driver is not the installed one' 'nvidia-smi' ;;
    *'GPU is lost'*) fail 'a card does not answer any more, and comes back with a restart at best' 'sudo systemctl reboot' ;;
    *'Failed to initialize NVML'* | *'No devices were found'*) fail 'a container sees no card' 'nvidia-smi' ;;
    *) fail 'no container can be started with the cards' 'docker run --rm --gpus all debian nvidia-smi' ;;
    esac
fi
clean_up
printf '%s\n' "$answer"
seen=$(printf '%s\n' "$answer" | grep -c 'UUID: GPU')
[ "$seen" -ge "$count" ] || fail "a container sees $seen of $count cards" 'nvidia-smi -L'
case "$answer" in
*'cuda 0 devices 0'*) fail 'CUDA sees no card in a container' 'nvidia-smi' ;;
*'cuda 0 devices '*) note "a container sees the cards, and CUDA starts in it, driver $driver" ;;
*'cuda 802 '*) fail 'CUDA does not start (802): the switches between the cards are not set up' 'systemctl status nvidia-fabricmanager' ;;
*'cuda '*) fail "CUDA does not start: $(printf '%s\n' "$answer" | grep '^cuda ')" 'sudo dmesg | grep -i nvrm' ;;
*) [ -z "$start" ] && note 'a container sees the cards; nothing is here to start CUDA with' ||
    fail 'CUDA does not start in a container' 'nvidia-smi' ;;
esac
printf '%s\n' "$driver" >"$EZ_RUN/gpu-proof" && install -m 644 "$EZ_RUN/gpu-proof" /var/lib/ez/gpu-proof
