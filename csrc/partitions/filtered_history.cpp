// The history after a client file's cursor, as its view shows it: of each entry the instructions on
// objects that are in the view, and what enters or leaves it, at the end of the page
// (flexible-sync.md 8.2). Whole objects can be had of the snapshot alone, so that a page in which
// one enters goes up to the head, or is for a bootstrap to bring.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "changeset/codec.hpp"
#include "partitions/flexible_page.hpp"
#include "query/evaluation/run.hpp"
#include "query/values/no_objects.hpp"
#include "views/entry_images.hpp"
#include "views/fold.hpp"
#include "views/touched.hpp"
#include "views/value_bytes.hpp"
#include "wire/primary_key.hpp"

namespace realmsync::partitions {

namespace {

using views::Presence;
using views::Verdict;

// What a page made of memory may ask of its view: the thread that sends makes it. In steps.
constexpr query::WorkLimits kAtOnce{.object = 20'000, .run = 100'000, .free = 0};
constexpr std::uint64_t kVersionsAtOnce = 10'000; // that a page looks at, unless it must see more

struct Object {
    const model::Class* cls;
    model::ObjectKey key;
    views::Passage passage;
    bool is_taken_back = false; // a change of this file was not let through
    bool is_its_own = false;    // the file has written it itself, so that it has it
    bool enters() const { return passage.has_crossed() && passage.last().is_inside(); }
    bool is_whole() const { return enters() || is_taken_back; }
};

struct Touch { // of an object, by one entry
    std::size_t object;
    Presence before, after;
};

struct Entry {
    HistoryEntry head; // without its changeset
    std::uint64_t size = 0;
    bool has_schema = true; // unless its images say that it has none
    std::vector<Touch> touches;
};

class FilteredHistory {
  public:
    // `rows`: null if memory has what is needed.
    FilteredHistory(HistoryReader* rows, const server::PageRequest& request, std::uint64_t last,
                    std::uint64_t head, model::SchemaPtr schema)
        : rows_(rows), request_(request), view_(*request.view), last_(last), head_(head),
          schema_(std::move(schema)), scanned_(request.cursor.server_version),
          run_(objects_alone_, rows != nullptr ? query::WorkLimits() : kAtOnce) {}

    // In memory: all entries that matter up to the last version.
    void take(std::vector<HistoryEntry> entries);
    // Nothing if rows would be needed and are not there.
    std::optional<ShownHistory> make();
    std::uint64_t work() { return time_of(run_); } // of the view, in ns

  private:
    void read(std::uint64_t last);
    void read_heads(std::uint64_t first, std::uint64_t last);
    bool is_alone() const;
    Entry& add(HistoryEntry head, std::uint64_t size);
    void read_images(Entry& entry, std::string_view bytes);
    std::size_t object_number(const model::Class& cls, const Key& key);
    void take_back(std::uint64_t version, ShownHistory& page);
    std::optional<std::size_t> cut();
    void replay(std::size_t count);
    void note(const Touch& touch, std::uint64_t timestamp);
    ShownHistory write(std::size_t count);
    void write_entry(const Entry& entry, std::uint64_t client_version);
    const rules::Fields* shown_plainly(const Entry& entry,
                                       const views::TouchedObject& object) const;
    bool is_moved(const Object& object) const;
    void write_moved(ObjectsAnew& anew);
    bool is_too_large(std::size_t moved) const; // `moved`: bytes of what comes whole

    bool is_own(const Entry& entry) const { return entry.head.via_ident == request_.file_ident; }
    Entry& entry_of(std::uint64_t version) {
        const auto found = std::ranges::lower_bound(
            entries_, version, {}, [](const Entry& entry) { return entry.head.version; });
        if (found == entries_.end() || found->head.version != version)
            corrupt("Version " + std::to_string(version) + " of the history is missing.");
        return *found;
    }
    std::uint64_t cursor_after(std::size_t count) const {
        return count == entries_.size() ? scanned_ : entries_[count].head.version - 1;
    }

    HistoryReader* const rows_;
    const server::PageRequest& request_;
    const views::View& view_;
    const std::uint64_t last_; // version that the page may go up to
    const std::uint64_t head_; // version of the tables
    const model::SchemaPtr schema_;
    std::uint64_t scanned_; // up to this version all entries that matter are here
    query::NoObjects objects_alone_;
    query::Run run_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_; // that were read: after, up to
    std::vector<Entry> entries_;                                  // after the cursor, ascending
    bool is_alone_ = true;
    std::vector<Object> objects_;
    std::map<std::string, std::unordered_map<std::string, std::size_t>, std::less<>>
        numbers_; // of objects, by class and text of the key
    std::vector<Compensation> taken_back_;
    std::uint64_t moved_at_ = 0; // origin timestamp of the newest change that moved something
    DownloadBody body_;
};

std::optional<ShownHistory> FilteredHistory::make() {
    if (rows_ != nullptr) {
        const std::uint64_t from = request_.cursor.server_version;
        const std::uint64_t known = request_.known ? std::max(from, request_.known->up_to) : from;
        read(std::min(last_, known + kVersionsAtOnce));
    }
    auto count = cut();
    if (!count && scanned_ < last_) {
        read(last_);
        count = cut();
    }
    if (!count) {
        ShownHistory page;
        page.is_too_large = true;
        return page;
    }
    replay(*count);
    if (rows_ == nullptr &&
        std::ranges::any_of(objects_, [this](const Object& object) { return is_moved(object); }))
        return std::nullopt;
    return write(*count);
}

void FilteredHistory::take(std::vector<HistoryEntry> entries) {
    is_alone_ = false;
    for (HistoryEntry& one : entries) {
        const std::uint64_t size = one.changeset->size();
        Entry& entry = add(std::move(one), size);
        if (entry.head.images)
            read_images(entry, *entry.head.images);
    }
    scanned_ = last_;
}

void FilteredHistory::read(std::uint64_t last) {
    std::size_t new_ranges = ranges_.size();
    if (request_.known) {
        const std::vector<std::uint64_t>& versions = request_.known->versions;
        auto next = std::ranges::upper_bound(versions, scanned_);
        while (next != versions.end() && *next <= last) {
            const std::uint64_t first = *next - 1;
            std::uint64_t end = first;
            for (; next != versions.end() && *next == end + 1 && *next <= last; ++next)
                ++end;
            read_heads(first, end);
        }
        scanned_ = std::max(scanned_, std::min(last, request_.known->up_to));
    }
    if (scanned_ < last)
        read_heads(scanned_, last);
    scanned_ = std::max(scanned_, last);
    const auto is_of_file = [this](const Entry& entry) { return is_own(entry); };
    if (!request_.known || request_.known->has_own || std::ranges::any_of(entries_, is_of_file))
        taken_back_ = rows_->compensations(request_.partition, request_.file_ident,
                                           request_.cursor.server_version);
    if (std::exchange(is_alone_, is_alone()) && !is_alone_)
        new_ranges = 0; // what was left out counts now
    for (; new_ranges < ranges_.size(); ++new_ranges)
        rows_->images(request_.partition, ranges_[new_ranges].first, ranges_[new_ranges].second,
                      [&](std::uint64_t version, std::string_view bytes) {
                          read_images(entry_of(version), bytes);
                      });
}

void FilteredHistory::read_heads(std::uint64_t first, std::uint64_t last) {
    ranges_.emplace_back(first, last);
    std::uint64_t before = first;
    rows_->heads(request_.partition, first, last, [&](HistoryEntry head, std::uint64_t size) {
        if (head.version != before + 1)
            corrupt("The history of partition " + std::to_string(request_.partition) +
                    " has a gap after version " + std::to_string(before) + ".");
        before = head.version;
        add(std::move(head), size);
    });
}

// Whether all comes from the file itself, so that nothing is sent but what the view does.
bool FilteredHistory::is_alone() const {
    return taken_back_.empty() &&
           std::ranges::all_of(entries_, [this](const Entry& entry) { return is_own(entry); });
}

Entry& FilteredHistory::add(HistoryEntry head, std::uint64_t size) {
    Entry& entry = entries_.emplace_back();
    entry.head = std::move(head);
    entry.size = size;
    entry.has_schema = size != 0;
    return entry;
}

void FilteredHistory::read_images(Entry& entry, std::string_view bytes) {
    const views::EntryImages images = views::read_images(bytes, *schema_);
    entry.has_schema = images.has_schema;
    entry.touches.clear();
    for (const views::ObjectImages& object : images.objects) {
        if (view_.find(object.cls->name) == nullptr)
            continue;
        Touch touch{0, view_.before(object, run_), {}};
        touch.after = object.is_changed ? view_.after(object, run_) : touch.before;
        if (!touch.before.is_inside() && !touch.after.is_inside())
            continue;
        if (is_alone_ && !views::is_crossing(touch.before, touch.after))
            continue;
        touch.object = object_number(*object.cls, object.key.view());
        entry.touches.push_back(touch);
    }
    std::ranges::sort(entry.touches, {}, &Touch::object);
}

std::size_t FilteredHistory::object_number(const model::Class& cls, const Key& key) {
    auto& of_class = numbers_[cls.name];
    const auto [at, is_new] = of_class.try_emplace(views::key_bytes(key), objects_.size());
    if (is_new)
        objects_.push_back({&cls, model::ObjectKey(key), views::Passage(views::kOutside)});
    return at->second;
}

void FilteredHistory::note(const Touch& touch, std::uint64_t timestamp) {
    Object& object = objects_[touch.object];
    if (views::is_crossing(touch.before, touch.after))
        moved_at_ = std::max(moved_at_, timestamp);
    object.passage.pass(touch.before, touch.after);
}

// How many entries the page takes; nothing: not to be told of those that are read, or of none if
// they are all that there are.
std::optional<std::size_t> FilteredHistory::cut() {
    std::optional<std::size_t> best;
    if (entries_.empty())
        best = 0;
    std::uint64_t bytes = 0;
    std::size_t whole = 0; // objects that would have to be sent whole
    std::size_t taken_back = 0;
    replay(0);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        for (const Touch& touch : entry.touches) {
            whole -= objects_[touch.object].is_whole() ? 1 : 0;
            note(touch, 0);
            whole += objects_[touch.object].is_whole() ? 1 : 0;
        }
        while (taken_back < taken_back_.size() &&
               taken_back_[taken_back].version <= entry.head.version) {
            ++taken_back;
            ++whole;
        }
        if (!is_own(entry) && (entry.has_schema || !entry.touches.empty()))
            bytes += entry.size;
        if (whole == 0)
            best = i + 1;
        if (bytes > request_.byte_limit && best)
            return best;
    }
    // All that is there, or up to where nothing enters.
    return scanned_ == head_ ? std::optional(entries_.size()) : best;
}

// Where the objects stand after so many entries.
void FilteredHistory::replay(std::size_t count) {
    std::vector<bool> is_met(objects_.size());
    for (Object& object : objects_) {
        object.passage = views::Passage(views::kOutside);
        object.is_taken_back = object.is_its_own = false;
    }
    for (const Entry& entry : entries_)
        for (const Touch& touch : entry.touches)
            if (!is_met[touch.object]) {
                is_met[touch.object] = true;
                objects_[touch.object].passage = views::Passage(touch.before);
            }
    for (std::size_t i = 0; i < count; ++i)
        for (const Touch& touch : entries_[i].touches) {
            note(touch, entries_[i].head.origin_timestamp);
            Object& object = objects_[touch.object];
            object.is_its_own = object.is_its_own || is_own(entries_[i]);
        }
}

ShownHistory FilteredHistory::write(std::size_t count) {
    const std::uint64_t from = request_.cursor.server_version;
    ShownHistory page;
    page.cursor = {cursor_after(count), request_.cursor.client_version};
    take_back(page.cursor.server_version, page);
    page.has_own = !taken_back_.empty();
    for (std::size_t i = 0; i < count && !page.is_too_large; ++i) {
        const Entry& entry = entries_[i];
        if (is_own(entry)) {
            page.has_own = true;
            page.cursor.client_version =
                std::max(page.cursor.client_version, entry.head.client_version);
        } else if (entry.has_schema || !entry.touches.empty()) {
            write_entry(entry, page.cursor.client_version);
        }
        page.is_too_large = is_too_large(0);
    }
    if (rows_ != nullptr) {
        ObjectsAnew anew(*rows_, request_.partition, schema_, view_);
        write_moved(anew);
        page.is_too_large = is_too_large(anew.size());
        anew.write(body_, page.cursor.server_version, page.cursor.client_version, moved_at_);
    }
    if (page.is_too_large)
        return page;
    page.entries = body_.entries();
    page.body = body_.pack();
    page.is_last = page.cursor.server_version == last_;
    page.estimate = page.is_last ? 1
                                 : static_cast<double>(page.cursor.server_version - from) /
                                       static_cast<double>(last_ - from);
    return page;
}

// What is not cut, because something enters, has a limit. What is taken back does not count: a
// bootstrap leaves that to the page behind it.
bool FilteredHistory::is_too_large(std::size_t moved) const {
    return request_.whole_limit != 0 && body_.size() + moved > request_.whole_limit &&
           std::ranges::any_of(objects_, &Object::enters);
}

// What was not let through of this file's changes: their objects come as they are.
void FilteredHistory::take_back(std::uint64_t version, ShownHistory& page) {
    for (const Compensation& compensation : taken_back_) {
        if (compensation.version > version)
            break;
        const model::Class* cls = schema_->find(compensation.cls);
        const Key key = compensation.key.view();
        if (!compensation.reason.empty()) // else its change was lost at the client as well
            page.rejected.push_back({compensation.client_version, compensation.cls,
                                     wire::encode_primary_key(key), compensation.reason,
                                     cls != nullptr && cls->kind == TableKind::asymmetric});
        if (cls != nullptr && cls->kind == TableKind::top_level)
            objects_[object_number(*cls, key)].is_taken_back = true;
        moved_at_ = std::max(moved_at_, entry_of(compensation.version).head.origin_timestamp);
    }
}

// Null: of an object that comes anew, leaves, or is none of the view's.
const rules::Fields* FilteredHistory::shown_plainly(const Entry& entry,
                                                    const views::TouchedObject& object) const {
    const auto of_class = numbers_.find(object.table);
    if (of_class == numbers_.end())
        return nullptr;
    const auto number = of_class->second.find(views::key_bytes(object.key));
    if (number == of_class->second.end())
        return nullptr;
    const Object& known = objects_[number->second];
    if (known.is_taken_back || known.passage.verdict() != Verdict::plain)
        return nullptr;
    const auto touch = std::ranges::lower_bound(entry.touches, number->second, {}, &Touch::object);
    return touch != entry.touches.end() && touch->object == number->second
               ? views::shown_plainly(touch->before, touch->after)
               : nullptr;
}

// The instructions on objects that stay in the view, and of the schema.
void FilteredHistory::write_entry(const Entry& entry, std::uint64_t client_version) {
    auto parsed = changeset::parse(entry.head.changeset
                                       ? entry.head.changeset
                                       : rows_->changeset(request_.partition, entry.head.version));
    if (!parsed)
        corrupt("Version " + std::to_string(entry.head.version) +
                " of the history is damaged: " + parsed.error().message);
    const views::Touched touched(*parsed);
    std::vector<const rules::Fields*> fields;
    for (const views::TouchedObject& object : touched.objects())
        fields.push_back(shown_plainly(entry, object));
    const changeset::Changeset shown = touched.with(fields);
    if (!shown.instructions.empty())
        body_.add(entry.head.version, client_version, entry.head.origin_timestamp,
                  entry.head.origin_ident, changeset::encode_interleaved(shown));
}

// Whether it is told by itself, not by the entries.
bool FilteredHistory::is_moved(const Object& object) const {
    const Verdict verdict = object.passage.verdict();
    return object.is_taken_back || verdict == Verdict::enters || verdict == Verdict::leaves ||
           (verdict == Verdict::nothing && object.is_its_own);
}

void FilteredHistory::write_moved(ObjectsAnew& anew) {
    for (const Object& object : objects_) {
        if (!is_moved(object))
            continue;
        if (is_too_large(anew.size()))
            return;
        const Verdict verdict = object.passage.verdict();
        const bool leaves =
            verdict == Verdict::leaves || (verdict == Verdict::nothing && object.is_its_own);
        // At the head it may have gone again.
        const Key key = object.key.view();
        if (leaves || !anew.renew(*object.cls, key, run_))
            anew.erase(*object.cls, key);
    }
}

} // namespace

ShownHistory shown_history(HistoryReader& rows, const server::PageRequest& request,
                           const Snapshot& snapshot) {
    const std::uint64_t head = snapshot.head.version;
    FilteredHistory history(&rows, request, last_of(request, head), head,
                            rows.schema(request.partition));
    ShownHistory shown;
    try {
        shown = *history.make();
    } catch (const query::QueryFault& fault) {
        shown.refusal = refusal_of(fault);
    }
    shown.work = history.work();
    return shown;
}

std::optional<ShownHistory> shown_history(std::vector<HistoryEntry> entries, std::uint64_t last,
                                          const model::SchemaPtr& schema,
                                          const server::PageRequest& request) {
    FilteredHistory history(nullptr, request, last, last, schema);
    try {
        history.take(std::move(entries));
        return history.make();
    } catch (const query::QueryFault&) { // it takes longer than that
        return std::nullopt;
    }
}

} // namespace realmsync::partitions
