# Install the package of RStudio Server.

ln -s "$archive" "$work/rstudio-server.deb"
if ! apt_install "$work/rstudio-server.deb"; then
    echo "ez: RStudio Server is published for Ubuntu 22.04, Debian 12 and newer" >&2
    exit 1
fi
# Made at its first start; this one would be the same in every container.
rm -f /var/lib/rstudio-server/secure-cookie-key
# It looks for R only where the distribution has it.
mkdir -p /etc/rstudio
echo "rsession-which-r=$(command -v R)" >>/etc/rstudio/rserver.conf
