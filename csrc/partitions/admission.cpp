#include "partitions/admission.hpp"

#include <algorithm>
#include <string>

#include "server/upload.hpp"

namespace realmsync::partitions {

using server::Refusal;
using wire::Code;

std::variant<server::BoundFile, Refusal> admit(const BindFacts& facts,
                                               const server::BindRequest& request) {
    const auto& [head, file, latest_salt, now_ms, max_offline_ms] = facts;
    const auto& [user_id, ident, download, latest, subscribing, schema_version] = request;
    if (latest.version > head.version)
        // Apps search for "Bad server version" (node-sdk-surface.md 21), so every 209 says it.
        return Refusal{Code::bad_server_version, "Bad server version (IDENT): the server has not "
                                                 "reached the latest server version."};
    const bool is_servers = ident.ident == kServerIdent; // known, but nobody's file; its salt is 0
    if (!file && !(is_servers && ident.salt != 0))
        return Refusal{Code::bad_client_file_ident,
                       "Bad client file identifier (IDENT): this partition did not assign it."};
    if (!file || ident.salt != file->salt)
        return Refusal{Code::diverging_histories,
                       "Diverging histories (IDENT): wrong salt of the client file identifier."};
    if (user_id != file->user_id)
        return Refusal{Code::user_mismatch,
                       "User mismatch (IDENT): the client file belongs to another user."};
    if (download.server_version < file->base_server_version)
        return Refusal{Code::bad_server_version,
                       "Bad server version (IDENT): the download cursor is behind the server "
                       "version that this client file has acknowledged."};
    if (file->expired || (max_offline_ms != 0 && now_ms - file->last_seen_ms > max_offline_ms))
        return Refusal{Code::client_file_expired,
                       "Client file expired (IDENT): it was not used for too long."};
    if (download.server_version > head.version)
        return Refusal{Code::bad_server_version,
                       "Bad server version (IDENT): the server has not reached it."};
    if (download.client_version > file->client_version)
        return Refusal{Code::bad_client_version,
                       "Bad client version (IDENT): it is newer than what was uploaded."};
    if (download.server_version > latest.version)
        return Refusal{Code::bad_server_version,
                       "Bad server version (IDENT): the download cursor is ahead of the latest "
                       "version."};
    if (!latest_salt || download.server_version < head.base_version)
        return Refusal{Code::client_file_expired,
                       "Client file expired (IDENT): the history it needs is gone."};
    if (latest.salt != *latest_salt)
        return Refusal{Code::diverging_histories,
                       "Diverging histories (IDENT): wrong salt of the latest server version."};
    return server::BoundFile{{file->client_version, file->base_server_version},
                             file->locked_server_version,
                             head.version};
}

void drop_integrated(const ClientFile& file, server::AppendRequest& request) {
    std::erase_if(request.changesets, [&](const server::UploadedChangeset& upload) {
        return upload.client_version <= file.client_version;
    });
}

std::optional<Refusal> check_uploads(const Head& head, const ClientFile* file,
                                     const server::AppendRequest& request) {
    if (!file)
        return Refusal{Code::bad_client_file_ident, "Bad client file identifier (UPLOAD)."};
    if (file->expired)
        return Refusal{Code::client_file_expired, "Client file expired (UPLOAD)."};
    std::uint64_t version = file->client_version, base = file->base_server_version;
    for (const server::UploadedChangeset& upload : request.changesets) {
        if (upload.origin_file_ident != 0)
            return Refusal{Code::bad_origin_file_ident,
                           "Bad origin file identifier (UPLOAD): this client file uploads its own "
                           "changes only."};
        // The engine has compared the cursors of a message with those of its session (U10 to U16);
        // this is the guard of the durable state.
        if (upload.client_version <= version)
            return Refusal{Code::bad_client_version, "Bad client version (UPLOAD)."};
        if (upload.server_version < base || upload.server_version > head.version)
            return Refusal{Code::bad_server_version, "Bad server version (UPLOAD)."};
        if (upload.server_version < head.base_version)
            return Refusal{Code::client_file_expired,
                           "Client file expired (UPLOAD): the history it needs is gone."};
        version = upload.client_version;
        base = upload.server_version;
        for (const auto& instruction : upload.changeset.instructions)
            if (is_destructive(instruction.op))
                return Refusal{Code::invalid_schema_change,
                               "Invalid schema change (UPLOAD): classes and properties of a "
                               "synced schema cannot be removed."};
    }
    if (request.progress.server_version > head.version)
        return Refusal{Code::bad_server_version, "Bad server version (UPLOAD)."};
    return std::nullopt;
}

ClientFile advance(ClientFile file, const server::AppendRequest& request,
                   std::uint64_t head_version, std::int64_t now_ms) {
    const auto& uploads = request.changesets;
    if (!uploads.empty())
        file.client_version = std::max(file.client_version, uploads.back().client_version);
    file.client_version = std::max(file.client_version, request.progress.client_version);
    file.base_server_version = std::max(file.base_server_version, request.progress.server_version);
    file.locked_server_version =
        std::max(file.locked_server_version, request.locked_server_version);
    // What is reported must be backed by entries of the history (8.4): progress alone is not.
    if (!uploads.empty()) {
        file.ack_client_version = file.client_version;
        file.ack_server_version = file.base_server_version;
        file.ack_head = head_version;
    }
    file.last_seen_ms = now_ms;
    return file;
}

bool is_reached(std::uint64_t limit, std::uint64_t used) { return limit != 0 && used >= limit; }

// Nothing that passes: the client stays away until its app is started again.
Refusal too_many(std::string_view what, std::uint64_t limit) {
    return {server::kTooLarge,
            "The user has " + std::to_string(limit) + " " + std::string(what) +
                ", as many as one user may",
            true};
}

bool is_sound(const ClientFile& file) {
    return file.ack_client_version <= file.client_version &&
           file.ack_server_version <= file.base_server_version;
}

bool is_advance(const ClientFile& before, const ClientFile& after) {
    return before.client_version <= after.client_version &&
           before.base_server_version <= after.base_server_version &&
           before.locked_server_version <= after.locked_server_version &&
           before.ack_client_version <= after.ack_client_version &&
           before.ack_server_version <= after.ack_server_version &&
           before.ack_head <= after.ack_head;
}

} // namespace realmsync::partitions
