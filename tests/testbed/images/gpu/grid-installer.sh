#!/bin/sh
# In the place of NVIDIA's installer as Microsoft hands it out: builds the module that drives parts of cards, by DKMS, and
# puts its programs beside it. Its options are --silent, --dkms, --disable-nouveau, --tmpdir FOLDER and -M KIND.
version=@VERSION@
here=/usr/lib/testbed
libraries=/usr/lib/x86_64-linux-gnu
flavour=grid
while [ $# -gt 0 ]; do
    case "$1" in
    -M) [ "$2" != open ] || flavour=open && shift ;;
    --tmpdir) [ -d "$2" ] && shift || exit 1 ;;
    --silent | --dkms | --disable-nouveau) ;;
    *) echo "ERROR: unrecognized option: $1" >&2 && exit 1 ;;
    esac
    shift
done
mkdir -p "/usr/src/nvidia-$version"
printf 'PACKAGE_NAME="nvidia"\nPACKAGE_VERSION="%s"\nAUTOINSTALL="yes"\nFLAVOUR=%s\n' "$version" "$flavour" \
    >"/usr/src/nvidia-$version/dkms.conf"
if ! { dkms add -m nvidia -v "$version" && dkms install -m nvidia -v "$version"; } >/var/log/nvidia-installer.log 2>&1; then
    echo 'ERROR: Failed to install the kernel module through DKMS. No kernel module was installed.' |
        tee -a /var/log/nvidia-installer.log >&2
    rm -rf "/usr/src/nvidia-$version" "/var/lib/dkms/nvidia/$version"
    exit 1
fi
sed "s/@VERSION@/$version/; s/@CUDA@/12.8/" "$here/nvidia-smi.sh" >/usr/bin/nvidia-smi
printf '#!/bin/sh\necho "not simulated: nvidia-uninstall" >&2\nexit 1\n' >/usr/bin/nvidia-uninstall
chmod 755 /usr/bin/nvidia-smi /usr/bin/nvidia-uninstall
cp "$here/grid/libcuda.so" "$libraries/libcuda.so.$version"
echo "$version" >"$libraries/libnvidia-ml.so.$version"
ln -sf "libcuda.so.$version" "$libraries/libcuda.so.1"
ln -sf "libnvidia-ml.so.$version" "$libraries/libnvidia-ml.so.1"
mkdir -p /etc/nvidia
printf '# ServerAddress=\nFeatureType=0\n' >/etc/nvidia/gridd.conf.template
