// What is stored about a partition, as the rules see it: its head, its client files, the entries of
// its history (server-behaviour.md 3.3, 4.1, 8.4, 19.3). The columns are format.cpp's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "model/value.hpp"

namespace realmsync::partitions {

constexpr std::uint64_t kServerIdent = 1; // stands for the server itself among client files

struct Head { // the newest entry of the history, and rs_base
    std::uint64_t version = 0;
    std::int64_t salt = 0;
    std::uint64_t base_version = 0; // the history is trimmed up to it
    std::int64_t base_salt = 0;
    std::uint64_t cumulative_bytes = 0;
    std::uint64_t base_cumulative = 0;
};

struct ClientFile { // rs_client: what the server remembers of a client file
    std::int64_t salt = 0;
    std::string user_id;
    std::uint64_t client_version = 0;      // stored upload cursor
    std::uint64_t base_server_version = 0; // its other half, base of the reciprocals
    std::uint64_t locked_server_version = 0;
    std::uint64_t ack_client_version = 0; // reported upload cursor: backed by history entries
    std::uint64_t ack_server_version = 0;
    std::uint64_t ack_head = 0;
    bool expired = false;
    std::int64_t last_seen_ms = 0; // since 1970
    std::uint64_t bytes = 0;       // of history received from it, with what a row of it takes
};

// What a user has in all partitions of the database, for his quotas.
struct Usage {
    std::uint64_t partitions = 0; // created
    std::uint64_t files = 0;      // client files
    std::uint64_t bytes = 0;      // theirs
};

struct HistoryEntry { // rs_history
    std::uint64_t version = 0;
    std::int64_t salt = 0;
    std::uint64_t origin_ident = 0; // 0: the server
    std::uint64_t via_ident = 0;    // file it was received from; 0: the server
    std::uint64_t client_version = 0;
    std::uint64_t origin_timestamp = 0;
    std::uint64_t cumulative_bytes = 0;
    std::shared_ptr<const std::string> changeset; // may be empty; null: not read
    std::shared_ptr<const std::string>
        images; // rs_image, of flexible sync; null: none, or not read

    std::size_t memory() const { // bytes, about
        return changeset->capacity() + (images ? images->capacity() : 0) + sizeof *this + 64;
    }
};

// Of flexible sync (docs/internals/flexible-sync.md):

struct StoredView {           // rs_view: what a client file was shown, or is being brought to
    std::uint64_t number = 0; // ascending, of one client file
    std::int64_t query_version = 0;
    std::string meaning; // of the query set alone: views::QuerySet::canonical_bytes()
    std::string view;    // views::View::bytes()
    // The head when it was asked for, or a view before that its file was never brought to.
    std::uint64_t first = 0;
    // Of its bootstrap, the versions. An end of 0: not finished; then, when it is given up, start
    // is the version up to which parts of it may have been sent.
    std::uint64_t start = 0, end = 0;
};

// rs_compensation: an object is sent to a client file as it is, because a write of the file was not
// let through, or was and is lost there.
struct Compensation {
    static constexpr std::uint64_t kKept = 0; // in the place of the client version
    std::uint64_t version = 0;                // the entry that stands for it
    std::uint64_t client_version = 0;         // of the write
    std::string cls;
    model::ObjectKey key;
    std::string reason;     // that the client is told; empty: nothing
    std::uint64_t base = 0; // of a change that was kept: the server version that it was made at
    bool is_of_kept_change() const { return client_version == kKept; }
};

} // namespace realmsync::partitions
