#include "partitions/flexible_page.hpp"

#include <algorithm>
#include <utility>

#include "partitions/app_schema.hpp"

namespace realmsync::partitions {

namespace {

constexpr std::size_t kChangesetBytes = 256u << 10; // about: a client applies them one by one

} // namespace

server::Page fetch_flexible(HistoryStore& store, const server::PageRequest& request) {
    server::Page page;
    store.read([&](HistoryReader& rows) {
        page = request.bootstrap ? bootstrap_page(rows, request) : filtered_history(rows, request);
    });
    return page;
}

void DownloadBody::add(std::uint64_t version, std::uint64_t client_version, std::uint64_t timestamp,
                       std::uint64_t origin, std::string_view changeset) {
    wire::DownloadEntry entry;
    entry.server_version = version;
    entry.client_version = client_version;
    entry.origin_timestamp = timestamp;
    entry.origin_file_ident = origin != 0 ? origin : kServerIdent;
    entry.original_size = changeset.size();
    entry.changeset = changeset;
    wire::append_entry(plain_, entry);
    ++entries_;
}

views::Presence ObjectsAnew::presence(const model::Class& cls, const Key& key, query::Run& run) {
    const views::ClassView* shown = view_.find(cls.name);
    if (shown == nullptr)
        return views::kOutside;
    auto& graph = graphs_[&cls];
    if (!graph)
        graph = rows_.objects(id_, schema_, shown->needs(cls));
    return view_.presence(graph->target(cls, key), run);
}

void ObjectsAnew::renew(const model::Class& cls, const Key& key, const rules::Fields& shown) {
    writer_.erase_object(cls.name, key);
    const model::Class& now = *schema_->find(cls.name);
    if (const auto values = rows_.object(id_, *schema_, now, key))
        tables::ObjectChangeset(writer_, *schema_)
            .add(now, key, *values, [&](std::size_t property) {
                return shown.contains(now.properties[property].name);
            });
    if (writer_.size() >= kChangesetBytes)
        cut();
}

void ObjectsAnew::define_schema() {
    cut();
    if (std::string schema = write_additions(*schema_, model::Schema()); !schema.empty()) {
        total_ += schema.size();
        changesets_.push_back(std::move(schema));
    }
}

void ObjectsAnew::cut() {
    if (writer_.empty())
        return;
    total_ += writer_.size();
    changesets_.push_back(writer_.take());
}

void ObjectsAnew::write(DownloadBody& body, std::uint64_t version, std::uint64_t client_version,
                        std::uint64_t timestamp) {
    cut();
    for (const std::string& changeset : changesets_)
        body.add(version, client_version, timestamp, kServerIdent, changeset);
    changesets_.clear();
    total_ = 0;
}

Snapshot::Snapshot(HistoryReader& rows, const server::PageRequest& request) {
    const auto found = rows.head(request.partition);
    auto known = rows.client_file(request.partition, request.file_ident);
    if (!found || !known)
        throw std::invalid_argument("There is no client file " +
                                    std::to_string(request.file_ident) + ".");
    head = *found;
    file = std::move(*known);
}

// No version is told whose effects are not shown (server-behaviour.md 8.4).
wire::SyncProgress Snapshot::progress(HistoryReader& rows, const server::PageRequest& request,
                                      wire::DownloadCursor cursor) const {
    wire::SyncProgress progress;
    progress.download = cursor;
    progress.upload = {file.ack_client_version, file.ack_server_version};
    progress.latest.version = std::min(
        head.version, std::max({cursor.server_version, file.ack_head, request.least_latest}));
    if (progress.latest.version == head.version)
        progress.latest.salt = head.salt;
    else if (progress.latest.version == head.base_version)
        progress.latest.salt = head.base_salt;
    else if (const auto salt = rows.salt(request.partition, progress.latest.version))
        progress.latest.salt = *salt;
    else
        corrupt("A version of the history is missing.");
    return progress;
}

} // namespace realmsync::partitions
