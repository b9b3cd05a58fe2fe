#!/bin/sh
# In the place of /usr/lib/dkms/common.postinst NAME VERSION: a kernel without headers is skipped, and that is no error.
for folder in /lib/modules/*/; do
    release=$(basename "$folder")
    if [ -e "/lib/modules/$release/build/Makefile" ]; then
        echo "Building initial module for $release"
        dkms install -m "$1" -v "$2" -k "$release" || exit
        echo Done.
    elif [ "$release" = "$(uname -r)" ]; then
        echo "Module build for kernel $release was skipped since the"
        echo 'kernel headers for this kernel do not seem to be installed.'
    fi
done
