#include "simulation/memory_client.hpp"

#include <algorithm>
#include <utility>

namespace realmsync::simulation {

client::ClientState MemoryClientStore::snapshot() const {
    client::ClientState s = state_;
    s.current_version = history_.size() + 1;
    s.uploaded_version = s.progress.upload.client_version;
    while (s.uploaded_version < s.current_version &&
           (s.uploaded_version < 1 || history_[s.uploaded_version - 1].changeset.empty()))
        ++s.uploaded_version;
    return s;
}

void MemoryClientStore::append(Entry entry) {
    entry.server_version = state_.progress.download.server_version;
    history_.push_back(std::move(entry));
}

client::ClientState MemoryClientStore::state() {
    std::lock_guard lock(mutex_);
    return snapshot();
}

client::ClientState MemoryClientStore::store_ident(const wire::FileIdent& file) {
    std::lock_guard lock(mutex_);
    state_.file = file;
    state_.progress.download.client_version = state_.progress.upload.client_version = 0;
    append({});
    return snapshot();
}

Result<client::ClientState> MemoryClientStore::integrate(client::Integration integration) {
    std::lock_guard lock(mutex_);
    if (std::exchange(fails_, false))
        return Error{failure_, "asked to fail"};
    const wire::UploadCursor before = state_.progress.upload;
    const wire::UploadCursor after = integration.progress.upload;
    if (after.server_version != 0 && after.server_version < before.server_version)
        return Error{ErrorKind::bad_progress, "upload cursor decreases"};
    for (std::uint64_t v = std::max<std::uint64_t>(before.client_version, 1);
         v < after.client_version && v <= history_.size(); ++v)
        state_.uploaded_bytes += history_[v - 1].changeset.size();
    for (const client::IncomingChangeset& c : integration.changesets) {
        state_.downloaded_bytes += c.original_size;
        received_.push_back({c.server_version, c.client_version, c.origin_file_ident,
                             c.changeset.instructions.size()});
    }
    state_.progress = integration.progress;
    state_.downloadable_bytes = integration.downloadable_bytes;
    append({});
    return snapshot();
}

client::PendingUpload MemoryClientStore::fetch_upload(const wire::UploadCursor& from,
                                                      const client::UploadLimits& limits) {
    std::lock_guard lock(mutex_);
    client::PendingUpload upload;
    upload.progress = from;
    std::string plain;
    std::uint64_t size = 0;
    for (std::uint64_t v = std::max<std::uint64_t>(from.client_version, 1); v <= history_.size();
         ++v) {
        const Entry& e = history_[v - 1];
        const bool full = size >= limits.soft_bytes ||
                          (size > 0 && size + e.changeset.size() >= limits.hard_bytes);
        if (full && !e.changeset.empty())
            break;
        if (!e.changeset.empty()) {
            wire::append_entry(
                plain, wire::UploadEntry{v + 1, e.server_version, e.timestamp, 0, e.changeset});
            size += e.changeset.size();
            ++upload.changesets;
        }
        upload.progress = {v + 1, e.server_version};
    }
    upload.body = wire::pack_body(std::move(plain));
    return upload;
}

void MemoryClientStore::add_listener(std::weak_ptr<client::CommitListener> listener) {
    std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(listener));
}

std::uint64_t MemoryClientStore::commit(std::string changeset, std::uint64_t timestamp) {
    std::vector<std::weak_ptr<client::CommitListener>> listeners;
    std::uint64_t version = 0;
    {
        std::lock_guard lock(mutex_);
        state_.uploadable_bytes += changeset.size();
        append({std::move(changeset), timestamp});
        version = history_.size() + 1;
        listeners = listeners_;
    }
    for (const auto& weak : listeners)
        if (const auto listener = weak.lock())
            listener->on_commit(version);
    return version;
}

void MemoryClientStore::fail_integration(ErrorKind kind) {
    std::lock_guard lock(mutex_);
    failure_ = kind;
    fails_ = true;
}

std::vector<MemoryClientStore::Received> MemoryClientStore::received() {
    std::lock_guard lock(mutex_);
    return received_;
}

} // namespace realmsync::simulation
