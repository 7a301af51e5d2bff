// Client files: giving out idents and accepting them back (server-behaviour.md 3.1, 6.4).
#include "partitions/partition_db.hpp"

namespace realmsync::partitions {

using wire::Code;

wire::FileIdent PartitionDb::allocate_ident(server::PartitionId id, std::string_view user_id) {
    require_transaction();
    wire::FileIdent result;
    {
        sqlite::Query row =
            db_.query("UPDATE rs_ident SET next_ident = next_ident + 1 WHERE pid = ? "
                      "RETURNING next_ident - 1",
                      id);
        if (!row.step())
            throw std::invalid_argument("There is no partition " + std::to_string(id) + ".");
        result.ident = row->unsigned_integer(0);
    }
    ClientFile file;
    file.salt = result.salt = draw_salt();
    file.user_id = user_id;
    file.last_seen_ms = now_ms_;
    insert_client_file(db_, id, result.ident, file);
    stage(id).files.emplace(result.ident, std::move(file));
    return result;
}

std::optional<ClientFile> PartitionDb::find_file(server::PartitionId id, std::uint64_t ident) {
    if (auto staged = staged_.find(id); staged != staged_.end())
        if (auto file = staged->second.files.find(ident); file != staged->second.files.end())
            return file->second;
    Partition& cached = partition(id);
    if (auto file = cached.files.find(ident); file != cached.files.end())
        return file->second;
    auto file = load_client_file(db_, id, ident);
    if (file) {
        std::lock_guard lock(mutex_);
        cached.files.emplace(ident, *file);
    }
    return file;
}

std::optional<std::int64_t> PartitionDb::find_salt(server::PartitionId id, std::uint64_t version) {
    const Head& current = head(id);
    if (version == 0)
        return 0;
    if (version == current.version)
        return current.salt;
    if (version == current.base_version)
        return current.base_salt;
    if (const HistoryEntry* entry = partition(id).tail.find(version))
        return entry->salt;
    sqlite::Query row =
        db_.query("SELECT salt FROM rs_history WHERE pid = ? AND version = ?", id, version);
    if (!row.step())
        return std::nullopt;
    return row->integer(0);
}

std::variant<server::BoundFile, server::Refusal>
PartitionDb::bind(server::PartitionId id, const server::BindRequest& request) {
    require_transaction();
    const Head current = head(id);
    const auto& [user_id, ident, download, latest] = request;
    if (latest.version > current.version)
        return server::Refusal{Code::bad_server_version,
                               "Bad latest server version (IDENT): the server "
                               "has not reached it."};
    auto file = find_file(id, ident.ident);
    if (!file)
        return server::Refusal{
            Code::bad_client_file_ident,
            "Bad client file identifier (IDENT): this partition did not assign it."};
    if (ident.salt != file->salt)
        return server::Refusal{
            Code::diverging_histories,
            "Diverging histories (IDENT): wrong salt of the client file identifier."};
    if (user_id != file->user_id)
        return server::Refusal{Code::user_mismatch,
                               "User mismatch (IDENT): the client file belongs to another user."};
    if (download.server_version < file->base_server_version)
        return server::Refusal{
            Code::bad_server_version,
            "Bad server version (IDENT): the download cursor is behind the server "
            "version that this client file has acknowledged."};
    if (file->expired)
        return server::Refusal{Code::client_file_expired,
                               "Client file expired (IDENT): it was not used for too long."};
    if (download.server_version > current.version)
        return server::Refusal{Code::bad_server_version,
                               "Bad server version (IDENT): the server has not reached it."};
    if (download.client_version > file->client_version)
        return server::Refusal{Code::bad_client_version,
                               "Bad client version (IDENT): it is newer than what was uploaded."};
    if (download.server_version > latest.version)
        return server::Refusal{
            Code::bad_server_version,
            "Bad server version (IDENT): the download cursor is ahead of the latest "
            "version."};
    const auto salt = find_salt(id, latest.version);
    if (!salt || download.server_version < current.base_version)
        return server::Refusal{Code::client_file_expired,
                               "Client file expired (IDENT): the history it needs is gone."};
    if (latest.salt != *salt)
        return server::Refusal{
            Code::diverging_histories,
            "Diverging histories (IDENT): wrong salt of the latest server version."};

    server::BoundFile bound{{file->client_version, file->base_server_version},
                            file->locked_server_version,
                            current.version};
    if (now_ms_ - file->last_seen_ms >= tuning_.seen_interval_ms) {
        file->last_seen_ms = now_ms_;
        stage(id).files.insert_or_assign(ident.ident, std::move(*file));
    }
    return bound;
}

} // namespace realmsync::partitions
