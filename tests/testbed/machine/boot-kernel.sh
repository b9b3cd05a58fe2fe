# The first process of a kernel that is a program (kernel.py): $1 this machine's end of the cable, $2 the other one, $3 a
# folder of this machine. Over the files of this machine lies memory, so that nothing it does reaches them. Then it
# does what is said on its console.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
address=$1
folder=$2
stty -echo
mount -t proc proc /proc
mount -t tmpfs tmpfs /tmp
mkdir -p /tmp/modules/lib /tmp/new /tmp/upper /tmp/work
ln -s /usr/lib/uml/modules /tmp/modules/lib/modules
modprobe -a -d /tmp/modules overlay nfsv4 cifs ccm gcm ghash-generic ctr cmac hmac ecb sha512_generic nls_utf8
mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work /tmp/new
cd /tmp/new || exit 1
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devtmpfs dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir tmp/host
mount -t hostfs none tmp/host -o "$folder"
ip link set lo up
ip address add "$address/30" dev vec0
ip link set vec0 up
exec chroot . /bin/sh
