// What a client file of flexible sync is sent, from one snapshot of the tables: the history as its
// view shows it, and the parts of bootstraps (flexible-sync.md 7, 8, 17.5;
// docs/internals/flexible-sync.md, "Fold" and "Difference"). The history's part is
// filtered_history.cpp's, a bootstrap's bootstrap_page.cpp's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "changeset/writer.hpp"
#include "partitions/history_store.hpp"
#include "query/evaluation/run.hpp"
#include "server/store.hpp"
#include "tables/object_changeset.hpp"
#include "views/view.hpp"

namespace realmsync::partitions {

server::Page fetch_flexible(HistoryStore& store, const server::PageRequest& request);

// The body of one DOWNLOAD while it is being made.
class DownloadBody {
  public:
    // `file`: whom it is for.
    void add(std::uint64_t version, std::uint64_t client_version, std::uint64_t timestamp,
             std::uint64_t origin, std::string_view changeset);
    std::size_t size() const { return plain_.size(); }
    std::size_t entries() const { return entries_; }
    wire::PackedBody pack() { return wire::pack_body(std::move(plain_)); }

  private:
    std::string plain_;
    std::size_t entries_ = 0;
};

// Objects as the server has them at one version, for a client file that may have others: erased,
// and made anew as a view shows them.
class ObjectsAnew {
  public:
    ObjectsAnew(HistoryReader& rows, PartitionId id, model::SchemaPtr schema,
                const views::View& view)
        : rows_(rows), id_(id), schema_(std::move(schema)), view_(view) {}

    // Where the view has the object in the snapshot.
    views::Presence presence(const model::Class& cls, const Key& key, query::Run& run);
    void erase(const model::Class& cls, const Key& key) { writer_.erase_object(cls.name, key); }
    // False, and nothing is written, if the view does not have it.
    bool renew(const model::Class& cls, const Key& key, query::Run& run);
    // All classes and properties.
    void define_schema();

    std::size_t size() const { return total_ + writer_.size(); }
    // As changesets of one version, each of some size.
    void write(DownloadBody& body, std::uint64_t version, std::uint64_t client_version,
               std::uint64_t timestamp);

  private:
    // Of one class, as the view asks about its objects, and shows them.
    struct OfClass {
        const views::ClassView* shown = nullptr; // null: none of them
        std::unique_ptr<query::ObjectReader> asked, whole;
    };

    OfClass& of(const model::Class& cls);
    void cut();

    HistoryReader& rows_;
    const PartitionId id_;
    const model::SchemaPtr schema_;
    const views::View& view_;
    std::map<const model::Class*, OfClass> classes_; // of the schema
    Work work_;                                      // nobody pays
    changeset::Writer writer_;
    std::vector<std::string> changesets_;
    std::size_t total_ = 0;
};

// The head, the file and what both pages say of progress.
struct Snapshot {
    Head head;
    ClientFile file;
    Snapshot(Head newest, ClientFile known) : head(newest), file(std::move(known)) {}
    Snapshot(HistoryReader& rows, const server::PageRequest& request);
    // Fills in the progress of a page that goes up to `cursor`.
    wire::SyncProgress progress(HistoryReader& rows, const server::PageRequest& request,
                                wire::DownloadCursor cursor) const;
};

server::Page filtered_history(HistoryReader& rows, const server::PageRequest& request);
server::Page bootstrap_page(HistoryReader& rows, const server::PageRequest& request);
// The last part: by the writer, whose snapshot is of the newest version.
server::Page conclude_bootstrap(HistoryReader& rows, const server::PageRequest& request,
                                const Snapshot& snapshot);

} // namespace realmsync::partitions
