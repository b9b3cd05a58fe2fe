#!/usr/bin/perl
# Have a question answered at home: `ask KIND WORD...`, with standard input. The newest connection that is kept answers
# (/run/ez/link/*.ask); stdout, stderr and the exit code are what it gives. 69 where none is there.
# Sent: the words with NULs between them, then the input; both with their length before them, four bytes. Received: one
# byte that says it is being worked on, within five seconds; then code, stdout and stderr with their lengths.

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;

my $nobody = 69;
my $largest = 16_000_000;
$SIG{PIPE} = 'IGNORE';
binmode $_ for *STDIN, *STDOUT, *STDERR;

# What git wants stored or forgotten stays as it is at home, where it is kept.
exit 0 if @ARGV > 1 && $ARGV[0] eq 'git' && $ARGV[1] ne 'get';

my $input = do { local $/; <STDIN> } // '';
my $home = reached() or exit none();
my ($code, $out, $error) = map { part() } 1 .. 3;
exit none() unless defined $error;
print STDOUT $out;
print STDERR $error;
exit $code;

# The first home that takes the question on.
sub reached {
    my %made = map { $_ => (lstat)[10] // 0 } glob '/run/ez/link/*.ask';
    for my $socket (sort { $made{$b} <=> $made{$a} || $a cmp $b } keys %made) {
        next unless -S $socket && (stat _)[4] == $<;
        my $connection = IO::Socket::UNIX->new(Peer => $socket) or next;
        all($connection, pack 'N/a* N/a*', join("\0", @ARGV), $input) or next;
        next unless IO::Select->new($connection)->can_read(5);
        sysread $connection, my $taken, 1 or next;
        return $connection if $taken eq '+';
    }
    return undef;
}

sub all {
    my ($connection, $data) = @_;
    while (length $data) {
        my $written = syswrite $connection, $data or return 0;
        substr $data, 0, $written, '';
    }
    return 1;
}

sub part {
    my $length = exactly(4) // return undef;
    return undef if unpack('N', $length) > $largest;
    return exactly(unpack 'N', $length);
}

sub exactly {
    my ($count) = @_;
    my $data = '';
    while (length $data < $count) {
        sysread $home, $data, $count - length $data, length $data or return undef;
    }
    return $data;
}

# Git goes on to its next way, and to the person.
sub none {
    print STDERR "ez: nobody at home answers; keep a connection: ez env link start\n" if ($ARGV[0] // '') ne 'git';
    return ($ARGV[0] // '') eq 'git' ? 0 : $nobody;
}
