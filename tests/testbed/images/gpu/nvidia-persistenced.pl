#!/usr/bin/perl
# In the place of nvidia-persistenced: it needs the module, and has a socket.
use IO::Socket::UNIX;
-s '/run/testbed/gpu/version' or die "nvidia-persistenced failed to initialize. Check syslog for more details.\n";
my $path = '/run/nvidia-persistenced/socket';
unlink $path;
my $socket = IO::Socket::UNIX->new(Local => $path, Listen => 1) or die "$path: $!\n";
open(my $mark, '>', '/run/testbed/gpu/persistent');
sleep 3600 while 1;
