// Client files: giving out idents and accepting them back (server-behaviour.md 3.1, 6.4).
#include "base/assert.hpp"
#include "partitions/admission.hpp"
#include "partitions/partition_db.hpp"

namespace realmsync::partitions {

std::variant<wire::FileIdent, server::Refusal>
PartitionDb::allocate_ident(PartitionId id, std::string_view user_id) {
    require_transaction();
    Usage& used = usage(user_id);
    if (is_reached(tuning_.files_per_user, used.files))
        return too_many("client files", tuning_.files_per_user);
    const auto ident = store_->take_ident(id);
    if (!ident)
        throw std::invalid_argument("There is no partition " + std::to_string(id) + ".");
    ClientFile file;
    file.salt = draw_salt();
    file.user_id = user_id;
    file.last_seen_ms = now_ms_;
    const wire::FileIdent result{*ident, file.salt};
    store_->insert_client_file(id, *ident, file);
    ++used.files;
    stage(id).files.emplace(*ident, std::move(file));
    return result;
}

std::optional<ClientFile> PartitionDb::find_file(PartitionId id, std::uint64_t ident) {
    if (auto staged = staged_.find(id); staged != staged_.end())
        if (auto file = staged->second.files.find(ident); file != staged->second.files.end())
            return file->second;
    Partition& cached = partition(id);
    if (auto file = cached.files.find(ident); file != cached.files.end())
        return file->second;
    auto file = store_->client_file(id, ident);
    REALMSYNC_ASSERT(!file || is_sound(*file)); // the table checks it
    if (file) {
        std::lock_guard lock(mutex_);
        cached.files.emplace(ident, *file);
    }
    return file;
}

std::optional<std::int64_t> PartitionDb::find_salt(PartitionId id, std::uint64_t version) {
    const Head& current = head(id);
    if (version == 0)
        return 0;
    if (version == current.version)
        return current.salt;
    if (version == current.base_version)
        return current.base_salt;
    if (const HistoryEntry* entry = partition(id).tail.find(version))
        return entry->salt;
    return store_->salt(id, version);
}

std::variant<server::BoundFile, server::Refusal>
PartitionDb::bind(PartitionId id, const server::BindRequest& request) {
    require_transaction();
    if (const auto code = store_->ordered_reset(id, request.file.ident)) {
        const auto told = static_cast<wire::Code>(*code);
        return server::Refusal{told, told == wire::Code::bad_client_file
                                         ? server::kBreakingSchema
                                         : server::kResetByOperator};
    }
    auto file = find_file(id, request.file.ident);
    const auto salt = find_salt(id, request.latest.version);
    auto result = admit(
        {head(id), file ? &*file : nullptr, salt, now_ms_, settings_.max_offline_ms}, request);
    const auto* bound = std::get_if<server::BoundFile>(&result);
    if (!bound)
        return result;
    see(id, request.file.ident, std::move(*file));
    if (!request.subscribing)
        return result;
    auto shown = show(id, *bound, request);
    if (auto* flexible = std::get_if<server::BoundFile>(&shown); flexible && request.schema_version)
        flexible->served_schema_version =
            other_schema_version(id, request.file.ident, *request.schema_version);
    return shown;
}

// A file keeps the version that it has begun with: a client that goes on with another one begins
// a new file (flexible-sync.md 16).
std::optional<std::uint64_t> PartitionDb::other_schema_version(PartitionId id, std::uint64_t ident,
                                                               std::uint64_t version) {
    const auto served = store_->served_version(id, ident);
    if (!served)
        store_->note_served_version(id, ident, version);
    return served != version ? served : std::nullopt;
}

void PartitionDb::see(PartitionId id, std::uint64_t ident, ClientFile file) {
    if (now_ms_ - file.last_seen_ms < tuning_.seen_interval_ms)
        return;
    file.last_seen_ms = now_ms_;
    stage(id).files.insert_or_assign(ident, std::move(file));
}

void PartitionDb::note_seen(PartitionId id, std::uint64_t ident) {
    require_transaction();
    if (auto file = find_file(id, ident))
        see(id, ident, std::move(*file));
}

} // namespace realmsync::partitions
