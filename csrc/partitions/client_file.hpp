// One row of rs_client: what the server remembers of a client file (server-behaviour.md 3.3, 8.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sqlite/sqlite.hpp"

namespace realmsync::partitions {

struct ClientFile {
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
};

std::optional<ClientFile> load_client_file(sqlite::Database& db, std::uint64_t partition,
                                           std::uint64_t ident);
void insert_client_file(sqlite::Database& db, std::uint64_t partition, std::uint64_t ident,
                        const ClientFile& file);
void update_client_file(sqlite::Database& db, std::uint64_t partition, std::uint64_t ident,
                        const ClientFile& file);

// Uniform in 1 … 2^63-1 from the kernel's generator (3.1, 4.3): salts of files and of versions.
std::int64_t draw_salt();
std::int64_t unix_ms();

} // namespace realmsync::partitions
