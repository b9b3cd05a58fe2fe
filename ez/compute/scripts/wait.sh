# Wait for the first boot's own setup and for other installations; neither is ever ended by ez.
if command -v cloud-init >/dev/null; then
    note 'waiting for cloud-init to finish'
    timeout 900 cloud-init status --wait >/dev/null 2>&1
    case $? in
    0) ;;
    # 2 is a recoverable error (cloud-init's failure states), and no reason to stop.
    2) note 'cloud-init ended with warnings' ;;
    124) fail 'cloud-init has not finished after 15 minutes' 'cloud-init status --long' ;;
    *) note 'cloud-init failed; going on without it' ;;
    esac
fi
wait_for_packages 900
