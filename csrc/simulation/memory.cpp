#include "simulation/memory.hpp"

#include <algorithm>
#include <stdexcept>

#include "changeset/codec.hpp"
#include "merge/transform.hpp"

namespace realmsync::simulation {

using wire::Code;

namespace {

constexpr std::uint64_t kServerIdent = 1; // origin of what the server itself wrote

changeset::Changeset parsed(const std::string& bytes) {
    auto result = changeset::parse(std::make_shared<const std::string>(bytes));
    if (!result)
        throw std::logic_error("stored changeset does not parse: " + result.error().message);
    return std::move(*result);
}

// The history as one client file sees it: without its own entries, with its reciprocals.
class FileWindow : public merge::Window {
  public:
    FileWindow(const MemoryPartition& partition, MemoryFile& file, std::uint64_t file_ident)
        : partition_(partition), file_(file), file_ident_(file_ident) {}

    std::vector<merge::WindowEntry> entries_after(std::uint64_t base) override {
        std::vector<merge::WindowEntry> result;
        for (std::uint64_t version = base + 1; version <= partition_.head(); ++version) {
            const MemoryEntry& entry = *partition_.entries[version - 1];
            if (entry.file_ident == file_ident_)
                continue;
            auto reciprocal = file_.reciprocals.find(version);
            const std::string& bytes =
                reciprocal == file_.reciprocals.end() ? entry.changeset : reciprocal->second;
            if (!bytes.empty())
                result.push_back(
                    {.version = version,
                     .origin = {entry.timestamp, std::max(entry.file_ident, kServerIdent)},
                     .changeset = parsed(bytes)});
        }
        return result;
    }
    void store_reciprocal(const merge::WindowEntry& entry, std::string_view bytes) override {
        file_.reciprocals[entry.version] = bytes;
    }

  private:
    const MemoryPartition& partition_;
    MemoryFile& file_;
    const std::uint64_t file_ident_;
};

} // namespace

std::shared_ptr<MemoryState> MemoryState::copy() {
    auto result = std::make_shared<MemoryState>();
    std::lock_guard lock(mutex);
    result->partitions = partitions;
    result->ids = ids;
    result->seed = seed + 1; // a restored server draws other salts
    return result;
}

MemoryStore::MemoryStore(std::shared_ptr<MemoryState> state, merge::Profile profile)
    : state_(std::move(state)), profile_(profile), random_(state_->seed++) {}

std::int64_t MemoryStore::random_salt() {
    return std::uniform_int_distribution<std::int64_t>(1)(random_);
}

void MemoryStore::begin() { rollback(); }

void MemoryStore::rollback() {
    changed_.clear();
    ids_.clear();
}

void MemoryStore::commit() {
    const auto fault = state_->commit_fault.exchange(MemoryState::CommitFault::none);
    if (fault == MemoryState::CommitFault::lost) {
        rollback();
        throw std::runtime_error("injected: commit failed");
    }
    {
        std::lock_guard lock(state_->mutex);
        for (auto& [id, partition] : changed_)
            state_->partitions[id] = std::move(partition);
        state_->ids.merge(ids_);
    }
    rollback();
    if (fault == MemoryState::CommitFault::unanswered)
        throw std::runtime_error("injected: commit not answered");
}

const MemoryPartition& MemoryStore::read(server::PartitionId id) {
    auto changed = changed_.find(id);
    if (changed != changed_.end())
        return *changed->second;
    std::lock_guard lock(state_->mutex);
    return *state_->partitions.at(id); // the writer alone replaces it
}

MemoryPartition& MemoryStore::write(server::PartitionId id) {
    auto& changed = changed_[id];
    if (!changed)
        changed = std::make_shared<MemoryPartition>([&] {
            std::lock_guard lock(state_->mutex);
            return *state_->partitions.at(id);
        }());
    return *changed;
}

server::OpenedPartition MemoryStore::open_partition(std::string_view app_id, std::string_view key) {
    const std::pair<std::string, std::string> name{app_id, key};
    {
        std::lock_guard lock(state_->mutex);
        auto known = state_->ids.find(name);
        if (known != state_->ids.end())
            return {known->second, state_->partitions.at(known->second)->head()};
    }
    const server::PartitionId id = state_->ids.size() + ids_.size() + 1;
    ids_[name] = id;
    changed_[id] = std::make_shared<MemoryPartition>();
    return {id, 0};
}

wire::FileIdent MemoryStore::allocate_ident(server::PartitionId partition,
                                            std::string_view user_id) {
    MemoryPartition& p = write(partition);
    const wire::FileIdent file{p.next_ident++, random_salt()};
    p.files[file.ident] = {.salt = file.salt, .user_id = std::string(user_id)};
    return file;
}

// The checks of server-behaviour.md 6.4, in their order.
std::variant<server::BoundFile, server::Refusal>
MemoryStore::bind(server::PartitionId partition, const server::BindRequest& request) {
    const MemoryPartition& p = read(partition);
    const auto& [user_id, file, download, latest] = request;
    if (latest.version > p.head())
        return server::Refusal{Code::bad_server_version, "Version newer than the server's"};
    auto found = p.files.find(file.ident);
    if (found == p.files.end())
        return server::Refusal{file.ident == kServerIdent ? Code::diverging_histories
                                                          : Code::bad_client_file_ident,
                               "Bad client file identifier (IDENT)"};
    const MemoryFile& stored = found->second;
    if (file.salt != stored.salt)
        return server::Refusal{Code::diverging_histories, "Client file ident salt differs"};
    if (user_id != stored.user_id)
        return server::Refusal{Code::user_mismatch, "Client file belongs to another user"};
    if (download.server_version < stored.stored.server_version ||
        download.server_version > p.head())
        return server::Refusal{Code::bad_server_version, "Download progress out of range"};
    if (download.client_version > stored.stored.client_version)
        return server::Refusal{Code::bad_client_version,
                               "Client version newer than the one integrated"};
    if (latest.version < download.server_version)
        return server::Refusal{Code::bad_server_version,
                               "Latest version below the download progress"};
    if (latest.salt != p.salt_of(latest.version))
        return server::Refusal{Code::diverging_histories, "Server version salt differs"};
    return server::BoundFile{stored.stored, stored.locked_server_version, p.head()};
}

std::variant<server::Appended, server::Refusal> MemoryStore::append(server::PartitionId partition,
                                                                    server::AppendRequest request) {
    if (state_->append_fault.exchange(false))
        throw std::runtime_error("injected: append failed");
    // Rebased on a copy, so that a refusal leaves nothing behind.
    MemoryFile file = read(partition).files.at(request.file_ident);
    FileWindow window(read(partition), file, request.file_ident);
    std::vector<merge::Incoming> incoming;
    incoming.reserve(request.changesets.size());
    for (auto& uploaded : request.changesets)
        incoming.push_back({uploaded.server_version,
                            {uploaded.origin_timestamp, request.file_ident},
                            &uploaded.changeset});
    if (auto merged = merge::transform(window, incoming, profile_); !merged)
        return server::Refusal{Code::bad_changeset, merged.error().message};

    MemoryPartition& p = write(partition);
    const std::int64_t salt = random_salt();
    for (const auto& uploaded : request.changesets) {
        MemoryEntry entry{salt,
                          request.file_ident,
                          uploaded.client_version,
                          uploaded.origin_timestamp,
                          changeset::encode(uploaded.changeset),
                          p.entries.empty() ? 0 : p.entries.back()->bytes_so_far};
        entry.bytes_so_far += entry.changeset.size();
        p.entries.push_back(std::make_shared<const MemoryEntry>(std::move(entry)));
    }
    file.stored.client_version =
        std::max(file.stored.client_version, request.progress.client_version);
    file.stored.server_version =
        std::max(file.stored.server_version, request.progress.server_version);
    file.reciprocals.erase(file.reciprocals.begin(),
                           file.reciprocals.upper_bound(file.stored.server_version));
    file.locked_server_version =
        std::max(file.locked_server_version, request.locked_server_version);
    if (!request.changesets.empty()) {
        file.acknowledged = file.stored;
        file.acknowledged_head = p.head();
    }
    p.files[request.file_ident] = std::move(file);
    return server::Appended{p.head()};
}

// server-behaviour.md 8.1; head fields by 8.4.
server::Page MemoryStore::fetch_page(const server::PageRequest& request) {
    if (state_->page_fault.exchange(false))
        throw std::runtime_error("injected: page not readable");
    std::shared_ptr<const MemoryPartition> p;
    {
        std::lock_guard lock(state_->mutex);
        p = state_->partitions.at(request.partition);
    }
    const MemoryFile& file = p->files.at(request.file_ident);
    server::Page page;
    wire::DownloadCursor cursor = request.cursor;
    std::string plain;
    std::uint64_t size = 0;
    while (cursor.server_version < p->head() && (size == 0 || size < request.byte_limit)) {
        const MemoryEntry& entry = *p->entries[cursor.server_version++];
        if (entry.file_ident == request.file_ident) {
            cursor.client_version = entry.client_version;
        } else if (!entry.changeset.empty()) {
            wire::append_entry(plain, wire::DownloadEntry{cursor.server_version,
                                                          cursor.client_version, entry.timestamp,
                                                          std::max(entry.file_ident, kServerIdent),
                                                          entry.changeset.size(), entry.changeset});
            size += entry.changeset.size();
            ++page.entries;
        }
    }
    const std::uint64_t latest = std::min(
        p->head(), std::max({cursor.server_version, file.acknowledged_head, request.least_latest}));
    page.body = wire::pack_body(std::move(plain));
    page.progress = {{latest, p->salt_of(latest)}, cursor, file.acknowledged};
    const auto bytes_at = [&](std::uint64_t version) {
        return version == 0 ? 0 : p->entries[version - 1]->bytes_so_far;
    };
    page.downloadable_bytes = bytes_at(p->head()) - bytes_at(cursor.server_version);
    return page;
}

} // namespace realmsync::simulation
