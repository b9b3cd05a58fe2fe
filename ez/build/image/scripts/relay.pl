#!/usr/bin/perl
# The one agent socket of an environment: relay SOCKET [PATTERN...]. It listens at SOCKET; each connection goes to the agent of the newest live
# connection: a kept one (/run/ez/link/*.agent) or a session's own. One with keys comes before one without. One that does
# not answer within two seconds is passed over, and has eight more where no other has keys: the way may be slow. Where
# there is none, this answers as an agent without keys does, at once.

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;

my ($path, @patterns) = @ARGV;
my $home = (getpwuid $<)[7] // '/nonexistent';
@patterns = ('/run/ez/link/*.agent', '/tmp/ssh-*/agent.*', "$home/.ssh/agent/*") unless @patterns;
my ($quick, $patience) = (2, 8);
my $longest = 262144;
my ($ask_identities, $identities, $failure) = (11, 12, 5);

$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
umask 0177;
unlink "$path.new";
my $listener = IO::Socket::UNIX->new(Local => "$path.new", Listen => 64) or die "relay: $path: $!\n";
rename "$path.new", $path or die "relay: $path: $!\n";
umask 0077;

while (1) {
    my $client = $listener->accept or next;
    my $child = fork;
    if (defined $child && $child == 0) {
        close $listener;
        serve($client);
        exit 0;
    }
    close $client;
}

sub serve {
    my ($client) = @_;
    my $agent = newest_agent();
    $agent ? join_both($client, $agent) : be_empty($client);
}

# The sockets of agents, the newest first; only those that belong to this user.
sub candidates {
    my %made;
    for my $socket (map { glob } @patterns) {
        my @found = lstat $socket or next;
        $made{$socket} = $found[10] if -S _ && $found[4] == $<;
    }
    return sort { $made{$b} <=> $made{$a} || $a cmp $b } keys %made;
}

sub newest_agent {
    my ($found, $empty, @silent) = look($quick, candidates());
    ($found) = look($patience, @silent) if !$found && @silent;
    return $found // $empty;
}

# The first agent with keys; where there is none, the first without any, and the sockets that gave no list.
sub look {
    my ($seconds, @sockets) = @_;
    my ($empty, @silent);
    for my $socket (@sockets) {
        my $agent = IO::Socket::UNIX->new(Peer => $socket) or next;
        my $keys = keys_of($agent, $seconds);
        return $agent if $keys;
        push @silent, $socket unless defined $keys;
        $empty //= $agent if defined $keys;
    }
    return (undef, $empty, @silent);
}

# How many keys an agent has; nothing where it does not answer like one.
sub keys_of {
    my ($agent, $seconds) = @_;
    syswrite $agent, pack 'N C', 1, $ask_identities or return undef;
    my $until = time + $seconds;
    my $answer = '';
    my $wait = IO::Select->new($agent);
    while (length $answer < 4 || length $answer < 4 + unpack 'N', $answer) {
        my $left = $until - time;
        return undef if $left < 0 || !$wait->can_read($left || 0.5);
        return undef unless sysread $agent, $answer, 65536, length $answer;
        return undef if length $answer >= 4 && unpack('N', $answer) > $longest;
    }
    my (undef, $kind, $count) = unpack 'N C N', $answer;
    return $kind == $identities ? $count : undef;
}

sub join_both {
    my ($one, $other) = @_;
    my $both = IO::Select->new($one, $other);
    while (1) {
        for my $from ($both->can_read) {
            my $to = $from == $one ? $other : $one;
            sysread $from, my $data, 65536 or return;
            while (length $data) {
                my $written = syswrite $to, $data or return;
                substr $data, 0, $written, '';
            }
        }
    }
}

sub be_empty {
    my ($client) = @_;
    while (defined(my $request = frame($client))) {
        my $wanted = length $request ? ord $request : 0;
        my $answer = $wanted == $ask_identities ? pack 'C N', $identities, 0 : pack 'C', $failure;
        syswrite $client, pack('N/a*', $answer) or return;
    }
}

sub frame {
    my ($client) = @_;
    my $length = exactly($client, 4) // return undef;
    return undef if unpack('N', $length) > $longest;
    return exactly($client, unpack 'N', $length);
}

sub exactly {
    my ($client, $count) = @_;
    my $data = '';
    while (length $data < $count) {
        sysread $client, $data, $count - length $data, length $data or return undef;
    }
    return $data;
}
