// Pages of the history that flexible sync shows: sessions with equal views get the same bytes,
// made once, and what is recent is made of memory (flexible-sync.md 17.3, 17.10). What a page says
// is filtered_history.cpp's.
#include <algorithm>

#include "partitions/flexible_page.hpp"
#include "partitions/page_cache.hpp"
#include "partitions/partition_db.hpp"

namespace realmsync::partitions {

namespace {

server::Page page_of(const PackedPage& packed, const server::PageRequest& request,
                     wire::SyncProgress progress) {
    const std::uint64_t from = request.cursor.server_version;
    server::Page page;
    page.body = packed.body;
    page.entries = packed.entries;
    page.progress = progress;
    page.is_last = packed.last >= request.known->up_to;
    page.estimate = page.is_last ? 1
                                 : static_cast<double>(packed.last - from) /
                                       static_cast<double>(request.known->up_to - from);
    return page;
}

// For those who come with the same request: not when there was nothing, as there will be more.
std::shared_ptr<const PackedPage> share(PageCache& pages, const ShownHistory& shown,
                                        const server::PageRequest& request, std::uint64_t epoch) {
    auto page = std::make_shared<PackedPage>();
    page->body = shown.body;
    page->entries = shown.entries;
    page->last = shown.cursor.server_version;
    page->view = request.view;
    if (page->last > request.cursor.server_version && !shown.has_own)
        pages.add(request, page, epoch);
    return page;
}

} // namespace

// What memory has for a page, copied under the lock.
struct PartitionDb::SharedPage {
    std::optional<Snapshot> snapshot;
    model::SchemaPtr schema;
    std::shared_ptr<const PackedPage> packed; // made before
    std::vector<HistoryEntry> entries;        // else of these
    std::uint64_t last = 0;                   // version, likewise
};

// Nothing when memory does not hold what is needed, or the page would be the file's own.
std::optional<PartitionDb::SharedPage>
PartitionDb::find_shared(const server::PageRequest& request) {
    constexpr std::size_t kFew = 64;            // entries
    constexpr std::uint64_t kSmall = 16u << 10; // bytes of their changesets
    if (!request.known || request.known->has_own)
        return std::nullopt;
    SharedPage found;
    found.packed = pages_.find(request);
    const std::uint64_t known = request.known->up_to;
    std::lock_guard lock(mutex_);
    const auto at = partitions_.find(request.partition);
    if (at == partitions_.end() || !at->second->schema)
        return std::nullopt;
    const Partition& cached = *at->second;
    const auto file = cached.files.find(request.file_ident);
    if (file == cached.files.end() || cached.head.version < std::max({request.cursor.server_version,
                                                                      request.least_latest, known}))
        return std::nullopt;
    found.snapshot.emplace(cached.head, file->second);
    found.schema = cached.schema;
    const auto is_others = [&](std::uint64_t version) {
        const HistoryEntry* entry = cached.tail.find(version);
        return entry != nullptr && entry->via_ident != request.file_ident;
    };
    if (found.packed && (request.up_to != 0 && found.packed->last > request.up_to))
        found.packed = nullptr;
    for (std::uint64_t v = known + 1; found.packed && v <= found.packed->last; ++v)
        if (!is_others(v))
            found.packed = nullptr;
    found.last = found.packed ? found.packed->last : last_of(request, known);
    if (found.packed)
        return found;
    std::uint64_t bytes = 0;
    for (const std::uint64_t version : request.known->versions) {
        if (version > found.last)
            break;
        const HistoryEntry* entry = cached.tail.find(version);
        if (entry == nullptr || found.entries.size() == kFew ||
            (bytes += entry->changeset->size()) > kSmall)
            return std::nullopt;
        found.entries.push_back(*entry);
    }
    return found;
}

std::optional<std::int64_t> PartitionDb::recent_salt(PartitionId id, std::uint64_t version) const {
    std::lock_guard lock(mutex_);
    const auto at = partitions_.find(id);
    const HistoryEntry* entry = at == partitions_.end() ? nullptr : at->second->tail.find(version);
    return entry == nullptr ? std::nullopt : std::optional(entry->salt);
}

std::optional<server::Page> PartitionDb::fetch_recent_shown(const server::PageRequest& request) {
    const std::uint64_t epoch = pages_.epoch();
    auto found = find_shared(request);
    if (!found)
        return std::nullopt;
    if (!found->packed) {
        const auto shown =
            shown_history(std::move(found->entries), found->last, found->schema, request);
        if (!shown)
            return std::nullopt;
        found->packed = share(pages_, *shown, request, epoch);
    }
    bool has_salt = true;
    const wire::SyncProgress progress = found->snapshot->progress(
        request, {found->packed->last, request.cursor.client_version}, [&](std::uint64_t version) {
            const auto salt = recent_salt(request.partition, version);
            has_salt = salt.has_value();
            return salt.value_or(0);
        });
    if (!has_salt || pages_.epoch() != epoch)
        return std::nullopt;
    return page_of(*found->packed, request, progress);
}

server::Page PartitionDb::fetch_shown(const server::PageRequest& request) {
    if (auto page = fetch_recent_shown(request))
        return std::move(*page);
    const std::uint64_t epoch = pages_.epoch();
    server::Page page;
    store_->read([&](HistoryReader& rows) {
        const Snapshot snapshot(rows, request);
        ShownHistory shown = shown_history(rows, request, snapshot);
        page.work = shown.work;
        page.refusal = std::move(shown.refusal);
        if ((page.is_too_large = shown.is_too_large) || !page.refusal.empty())
            return;
        share(pages_, shown, request, epoch);
        page.body = std::move(shown.body);
        page.entries = shown.entries;
        page.rejected = std::move(shown.rejected);
        page.is_last = shown.is_last;
        page.estimate = shown.estimate;
        page.progress = snapshot.progress(rows, request, shown.cursor);
    });
    return page;
}

} // namespace realmsync::partitions
