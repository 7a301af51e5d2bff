#include "partitions/client_file.hpp"

#include <sys/random.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace realmsync::partitions {

std::optional<ClientFile> load_client_file(sqlite::Database& db, std::uint64_t partition,
                                           std::uint64_t ident) {
    sqlite::Query row =
        db.query("SELECT ident_salt, user_id, client_version, base_server_version, "
                 "locked_server_version, ack_client_version, ack_server_version, ack_head, "
                 "state, last_seen_ms FROM rs_client WHERE pid = ? AND ident = ?",
                 partition, ident);
    if (!row.step())
        return std::nullopt;
    ClientFile file;
    file.salt = row->integer(0);
    file.user_id = row->string(1);
    file.client_version = row->unsigned_integer(2);
    file.base_server_version = row->unsigned_integer(3);
    file.locked_server_version = row->unsigned_integer(4);
    file.ack_client_version = row->unsigned_integer(5);
    file.ack_server_version = row->unsigned_integer(6);
    file.ack_head = row->unsigned_integer(7);
    file.expired = row->integer(8) != 0;
    file.last_seen_ms = row->integer(9);
    return file;
}

void insert_client_file(sqlite::Database& db, std::uint64_t partition, std::uint64_t ident,
                        const ClientFile& file) {
    db.run("INSERT INTO rs_client(pid, ident, ident_salt, user_id, created_ms, last_seen_ms) "
           "VALUES(?1, ?2, ?3, ?4, ?5, ?5)",
           partition, ident, file.salt, file.user_id, file.last_seen_ms);
}

void update_client_file(sqlite::Database& db, std::uint64_t partition, std::uint64_t ident,
                        const ClientFile& file) {
    db.run("UPDATE rs_client SET client_version = max(client_version, ?3), "
           "base_server_version = max(base_server_version, ?4), "
           "locked_server_version = max(locked_server_version, ?5), "
           "ack_client_version = ?6, ack_server_version = ?7, ack_head = ?8, last_seen_ms = ?9 "
           "WHERE pid = ?1 AND ident = ?2",
           partition, ident, file.client_version, file.base_server_version,
           file.locked_server_version, file.ack_client_version, file.ack_server_version,
           file.ack_head, file.last_seen_ms);
    if (db.changes() != 1)
        corrupt("The row of a client file has gone.");
}

std::int64_t draw_salt() {
    for (;;) {
        std::uint64_t bits;
        if (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
            if (errno == EINTR)
                continue;
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        if (bits >>= 1)
            return static_cast<std::int64_t>(bits);
    }
}

std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

} // namespace realmsync::partitions
