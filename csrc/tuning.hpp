// Every limit and interval that somebody could want to change, with unit and reason. Passed in, so
// that tests and deployments change values without globals; the defaults are the recommendation.
#pragma once

#include <cstddef>
#include <cstdint>

namespace realmsync {

// Beside a struct whose values can be set by name from outside stands for_each_member(), which
// shows each of them as visit(name, member).
template <class Tuning> consteval std::size_t member_count() {
    Tuning tuning;
    std::size_t count = 0;
    for_each_member(tuning, [&](const char*, auto&) { ++count; });
    return count;
}

struct ServerTuning {
    // Sessions of one connection and of one user, a few KiB each while they are idle: one more is
    // told to come again. At twice as many, with those that are told so or unbind and do not read
    // it, the connection is.
    std::size_t sessions_per_connection = 10'000;
    std::size_t sessions_per_user = 100'000;
    // Bytes of one message and of one inflated body. An SDK's largest batch is 16 MiB, but a single
    // larger transaction cannot be split.
    std::uint64_t message_bytes = 64u << 20;
    std::uint64_t inflated_bytes = 64u << 20;
    // ms without any message after which a connection is dead. SDKs ping every 60 s.
    std::int64_t silence_ms = 180'000;
    // ms for which output may wait for a socket that takes nothing.
    std::int64_t stall_ms = 120'000;
    // ms between telling a connection-level error and ending TCP, so that the client reads it.
    std::int64_t soft_close_ms = 10'000;
    // ms for which reading may be paused; below the client's pong timeout of 120 s, as pings stop.
    std::int64_t pause_ms = 60'000;
    // ms for which a connection may outlive its log-in: longer than SDKs keep a socket without
    // sessions (30 s), within which the same program may log in again.
    std::int64_t revoked_ms = 60'000;
    // Soft bytes of one DOWNLOAD: small while siblings wait on the connection, so that nobody waits
    // for a bootstrap; larger alone, where only the number of messages counts.
    std::uint64_t shared_page_bytes = 128u << 10;
    std::uint64_t page_bytes = 1u << 20;
    // DOWNLOADs being built or waiting for one connection: bounds the memory of a slow reader.
    std::size_t pages_per_connection = 8;
    // Sessions of flexible sync that are brought to a view at once, and ms after which one gives
    // way while others wait: it goes on in its next turn. Parts are of shared_page_bytes meanwhile.
    std::size_t bootstraps = 64;
    std::int64_t bootstrap_turn_ms = 10'000;
    // Bytes of DOWNLOADs that wait for their turn or for their socket, and of the keys that
    // bootstraps have still to send, in the whole process.
    std::uint64_t page_memory_bytes = 256u << 20;
    // Bytes of accepted, unintegrated uploads, inflated: of one user, and in all, where users with
    // more than an equal share are above the limit. Then their connections are not read until half
    // of it is done; at twice the limit they are ended (100, try again).
    std::uint64_t user_backlog_bytes = 64u << 20;
    std::uint64_t process_backlog_bytes = 256u << 20;
    // Uploads in one durable transaction: more would delay everybody's acknowledgement.
    std::uint64_t commit_bytes = 16u << 20;
    std::size_t commit_jobs = 1000;
    // The writer's time is shared out in work, nominal nanoseconds (base/work.hpp). An upload that
    // takes more than light_work gets a transaction of its own, between which all others have
    // theirs; a part of it that takes more than upload_work is refused, since nobody else is served
    // meanwhile: 600 ms are 400,000 objects, or 100,000 of flexible sync, which are judged before
    // and after. A transaction ends after transaction_work.
    std::uint64_t light_work = 50'000'000;
    std::uint64_t upload_work = 600'000'000;
    std::uint64_t transaction_work = 250'000'000;
    // Bytes of changesets of one upload that are integrated together, so that it can pause between
    // them: much more than SDKs put into a message; a larger changeset is a part by itself.
    std::uint64_t part_bytes = 1u << 20;
    // Bytes of memory that a parsed changeset may take, 64 per instruction: with 16 MiB in a
    // message there are about a million.
    std::uint64_t parsed_bytes = 128u << 20;
    // ms for which an UPLOAD without changesets waits for one with some, or for others of its kind:
    // nothing depends on it, and alone it would cost a commit (server-behaviour.md 19.6.5).
    std::int64_t progress_ms = 1'000;
    // ms after which a bound client file is noted as seen: expiry works in days.
    std::int64_t seen_ms = 3'600'000;
    // Partitions without sessions that the engine remembers, to spare their next bind a job.
    std::size_t idle_partitions = 10'000;
    // Unsent log messages and unanswered pings of one connection; test commands waiting in one
    // session. SDKs have one ping on its way.
    std::size_t log_messages = 100;
    std::size_t pings = 1000;
    std::size_t test_commands = 100;
    // Graceful stop: ms for the last acknowledgements, and the range of s in which clients come
    // back, spread so that at most so many arrive in a second: a few need not wait for a herd.
    std::int64_t drain_ms = 1'000;
    std::int64_t restart_backoff_min_s = 1;
    std::int64_t restart_backoff_max_s = 10;
    std::int64_t restart_connections_per_s = 100;
    // s told to clients when storage or memory is short, first delay and longest.
    std::int64_t overload_backoff_s = 5;
    std::int64_t overload_backoff_max_s = 300;
    // The same while the operator has paused the app, which takes hours or days.
    std::int64_t paused_backoff_s = 60;
    std::int64_t paused_backoff_max_s = 3'600;
};
template <class Visit> constexpr void for_each_member(ServerTuning& t, Visit&& visit) {
    visit("sessions_per_connection", t.sessions_per_connection);
    visit("sessions_per_user", t.sessions_per_user);
    visit("message_bytes", t.message_bytes);
    visit("inflated_bytes", t.inflated_bytes);
    visit("silence_ms", t.silence_ms);
    visit("stall_ms", t.stall_ms);
    visit("soft_close_ms", t.soft_close_ms);
    visit("pause_ms", t.pause_ms);
    visit("revoked_ms", t.revoked_ms);
    visit("shared_page_bytes", t.shared_page_bytes);
    visit("page_bytes", t.page_bytes);
    visit("pages_per_connection", t.pages_per_connection);
    visit("bootstraps", t.bootstraps);
    visit("bootstrap_turn_ms", t.bootstrap_turn_ms);
    visit("page_memory_bytes", t.page_memory_bytes);
    visit("user_backlog_bytes", t.user_backlog_bytes);
    visit("process_backlog_bytes", t.process_backlog_bytes);
    visit("commit_bytes", t.commit_bytes);
    visit("commit_jobs", t.commit_jobs);
    visit("light_work", t.light_work);
    visit("upload_work", t.upload_work);
    visit("transaction_work", t.transaction_work);
    visit("part_bytes", t.part_bytes);
    visit("parsed_bytes", t.parsed_bytes);
    visit("progress_ms", t.progress_ms);
    visit("seen_ms", t.seen_ms);
    visit("idle_partitions", t.idle_partitions);
    visit("log_messages", t.log_messages);
    visit("pings", t.pings);
    visit("test_commands", t.test_commands);
    visit("drain_ms", t.drain_ms);
    visit("restart_backoff_min_s", t.restart_backoff_min_s);
    visit("restart_backoff_max_s", t.restart_backoff_max_s);
    visit("restart_connections_per_s", t.restart_connections_per_s);
    visit("overload_backoff_s", t.overload_backoff_s);
    visit("overload_backoff_max_s", t.overload_backoff_max_s);
    visit("paused_backoff_s", t.paused_backoff_s);
    visit("paused_backoff_max_s", t.paused_backoff_max_s);
}
static_assert(sizeof(ServerTuning) == sizeof(std::int64_t) * member_count<ServerTuning>(),
              "name every member");

// The server's database.
struct StoreTuning {
    // Bytes of recent history kept in memory per partition, and of all copies together: live
    // traffic then reads no SQL. Partitions that were idle longest give way.
    std::size_t tail_bytes = 8u << 20;
    std::size_t cache_bytes = 64u << 20;
    // Bytes of merge windows kept between the uploads of clients that come back after long: without
    // them every upload reads and indexes the whole window again.
    std::size_t window_bytes = 128u << 20;
    // Bytes of packed pages kept for readers who are behind those who were sent them.
    std::size_t page_cache_bytes = 32u << 20;
    // Bytes of the values of one object, about: what the hosted service takes. SQLite rewrites the
    // whole row at each change, and takes a billion.
    std::uint64_t object_bytes = 16u << 20;
    // KiB of SQLite's page cache: the writer's holds the inner pages of all tables, a reader
    // mostly streams history.
    int writer_cache_kib = 65'536;
    int reader_cache_kib = 2'048;
    // Bytes of a page of a new database: history is long blobs, and every page written is two
    // calls.
    int page_size = 8'192;
    // Pages of write-ahead log that start a checkpoint: rare enough to cost little, small enough
    // (64 MiB) for a quick start after a crash.
    int checkpoint_pages = 8'192;
    // Whether clients may add classes and properties (development mode); else they must be there.
    bool may_add_schema = true;
    // ms by which the time of a change may be ahead of the server's clock, 0: any. Such a change
    // wins over all others until that time.
    std::int64_t ahead_ms = 0;
    // Quotas of one user, 0: none. An SDK makes a client file for each realm that it opens, and
    // another when one is reset or its app reinstalled.
    std::uint64_t partitions_per_user = 100'000;
    std::uint64_t files_per_user = 100'000;
    std::uint64_t bytes_per_user = 0; // of history
    // ms between stored notes that a client file was seen; expiry works in days.
    std::int64_t seen_interval_ms = 300'000;
};

// A client's realm files.
struct RealmTuning {
    // Connections to realm files that a process keeps open, up to six descriptors each, of the
    // usual 1,024: locks have their own, and SQLite keeps those of closed second connections. The
    // least recently used are closed and opened again on demand.
    std::size_t connections = 128;
    // Files whose connections keep pages and prepared statements, 200 KiB after a small commit; a
    // file behind the most recently used ones keeps about 60 KiB.
    std::size_t warm = 16;
    // KiB of page cache of one connection, and statements it keeps prepared.
    int cache_kib = 2048;
    std::size_t statements = 64;
    // Bytes of a page of a new file: at 8 KiB bulk loads, whose changesets are long, are 15 %
    // faster than at 4 KiB, and durable commits of single objects 15 % slower.
    int page_bytes = 8192;
    // Pages of write-ahead log at which an integration checkpoints, a local commit at twice as
    // many: 16 MiB, so that a bulk load does not wait for the disk twice for every few megabytes.
    int checkpoint_pages = 2000;
    // Bytes of write-ahead log from which closing an idle file checkpoints it: opening it again
    // reads the whole log.
    std::int64_t reopen_bytes = 256 << 10;
    // Bytes of changesets that an integration applies before it lets a waiting writer pass: about
    // half a millisecond. Three times as many, as in the reference, save 1 % of the work.
    std::uint64_t slice_bytes = 32'768;
    // Bytes of a merge window kept between DOWNLOADs: without it each reads and indexes all pending
    // local changes again.
    std::size_t window_bytes = 64u << 20;
};

// The sync client.
struct ClientTuning {
    // Intervals in milliseconds; defaults of client-session.md 9.1.
    std::int64_t connect_timeout_ms = 120'000; // from resolving to the finished upgrade
    std::int64_t linger_ms = 30'000;           // an idle socket is kept: resume is then immediate
    std::int64_t ping_period_ms = 60'000;
    std::int64_t pong_timeout_ms = 120'000;
    std::int64_t fast_reconnect_limit_ms = 60'000; // shorter gaps skip download-before-upload
    std::int64_t reconnect_first_ms = 1'000;
    std::int64_t reconnect_max_ms = 300'000;
    std::int64_t reconnect_multiplier = 2;
    std::int64_t reconnect_jitter_divisor = 4; // 0: none
    std::int64_t session_closed_resume_ms = 1'000;
    // Between looking after connections because the network has changed: a loop of such news must
    // not hammer a server. Meanwhile delays grow from the first one, so that none is as long.
    std::int64_t network_change_interval_ms = 30'000;

    // Sessions that share a connection: as many as our server takes. For more there is another one.
    std::size_t sessions_per_connection = 10'000;

    // Sizes in bytes.
    std::uint64_t upload_soft_bytes = 131'072;    // of one UPLOAD (wire-protocol.md 8.4)
    std::uint64_t upload_hard_bytes = 16'777'216; // App Services refuses longer messages
    // One DOWNLOAD, as it comes and inflated: a transaction as large as our server takes (64 MiB),
    // behind a page of smaller ones. The hosted service sends at most two times 16 MiB.
    std::uint64_t download_limit_bytes = 72u << 20;
    // One parsed changeset in memory, 64 per instruction: two million, as our server takes. The
    // shortest instruction has two bytes, a usual one 16 and more.
    std::uint64_t download_parsed_bytes = 128u << 20;
    // Parsed changesets that are integrated together, in one commit: some 8 MiB of a message.
    std::uint64_t download_part_bytes = 32u << 20;
    // Received, not integrated: above this nothing is read. A DOWNLOAD that waits counts with its
    // body and with the memory of a message beside it, which is all that an empty one has.
    std::uint64_t download_backlog_bytes = 32u << 20;
    std::uint64_t download_overhead_bytes = 1024;
};
template <class Visit> constexpr void for_each_member(ClientTuning& t, Visit&& visit) {
    visit("connect_timeout_ms", t.connect_timeout_ms);
    visit("linger_ms", t.linger_ms);
    visit("ping_period_ms", t.ping_period_ms);
    visit("pong_timeout_ms", t.pong_timeout_ms);
    visit("fast_reconnect_limit_ms", t.fast_reconnect_limit_ms);
    visit("reconnect_first_ms", t.reconnect_first_ms);
    visit("reconnect_max_ms", t.reconnect_max_ms);
    visit("reconnect_multiplier", t.reconnect_multiplier);
    visit("reconnect_jitter_divisor", t.reconnect_jitter_divisor);
    visit("session_closed_resume_ms", t.session_closed_resume_ms);
    visit("network_change_interval_ms", t.network_change_interval_ms);
    visit("sessions_per_connection", t.sessions_per_connection);
    visit("upload_soft_bytes", t.upload_soft_bytes);
    visit("upload_hard_bytes", t.upload_hard_bytes);
    visit("download_limit_bytes", t.download_limit_bytes);
    visit("download_parsed_bytes", t.download_parsed_bytes);
    visit("download_part_bytes", t.download_part_bytes);
    visit("download_backlog_bytes", t.download_backlog_bytes);
    visit("download_overhead_bytes", t.download_overhead_bytes);
}
static_assert(sizeof(ClientTuning) == sizeof(std::int64_t) * member_count<ClientTuning>(),
              "name every member");

} // namespace realmsync
