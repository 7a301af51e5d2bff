// Client files of flexible sync: what each is shown, and the bootstraps that bring it there
// (flexible-sync.md 6, 7, 17.5; docs/internals/flexible-sync.md). What a file holds is told by its
// download cursor, which no bootstrap moves before its end.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "partitions/flexible_page.hpp"
#include "partitions/partition_db.hpp"
#include "rules/session_roles.hpp"
#include "server/query_cost.hpp"
#include "views/query_set.hpp"

namespace realmsync::partitions {

using wire::Code;

namespace {

// What is remembered of client files: how many, and bytes of memory.
constexpr std::size_t kRemembered = 10'000;
constexpr std::uint64_t kRememberedBytes = 128u << 20;
// Views of one client file that are kept, of bootstraps that were finished and of those that were
// cut off or overtaken each, and bytes of them. Of those before them no more is known than that
// there were some.
constexpr std::size_t kKept = 100;
constexpr std::uint64_t kKeptBytes = 2u << 20;
constexpr std::size_t kKeptAnyway = 3; // however large
// Unfinished ones with one query version, which other roles bring about.
constexpr std::size_t kAlike = 8;
constexpr std::string_view kForgotten = "forgotten"; // in the place of what such a view means

bool is_finished_at(const StoredView& view, std::uint64_t version) {
    return view.end != 0 && view.end <= version;
}

} // namespace

PartitionDb::ShownViews& PartitionDb::shown_views(PartitionId id, std::uint64_t ident) {
    const auto found = shown_.find({id, ident});
    if (found != shown_.end())
        return found->second;
    if (shown_.size() >= kRemembered || shown_bytes_ >= kRememberedBytes)
        forget_shown();
    ShownViews views;
    for (StoredView& stored : store_->stored_views(id, ident)) {
        views.push_back({std::move(stored), nullptr});
        shown_bytes_ += views.back().bytes();
    }
    return shown_.emplace(FileId(id, ident), std::move(views)).first->second;
}

void PartitionDb::forget_shown() {
    shown_.clear();
    shown_bytes_ = 0;
}

bool PartitionDb::ShownView::is_forgotten() const { return stored.meaning == kForgotten; }

std::uint64_t PartitionDb::ShownView::bytes() const {
    constexpr std::uint64_t kUnderstood = 30; // bytes that one of a text becomes
    const std::uint64_t texts = stored.view.size() + stored.meaning.size();
    return texts * (view ? kUnderstood : 1);
}

// Of what is remembered, not of a copy.
const views::View& PartitionDb::view_of(PartitionId id, ShownView& shown) {
    if (!shown.view) {
        understood_ += shown.stored.view.size();
        shown_bytes_ -= shown.bytes();
        shown.view = std::make_shared<const views::View>(store_->schema(id), shown.stored.view);
        shown_bytes_ += shown.bytes();
    }
    return *shown.view;
}

void PartitionDb::put_view(PartitionId id, std::uint64_t ident, ShownView shown) {
    store_->put_view(id, ident, shown.stored);
    ShownViews& views = shown_views(id, ident);
    shown_bytes_ += shown.bytes();
    const auto same = std::ranges::find_if(
        views, [&](const ShownView& v) { return v.stored.number == shown.stored.number; });
    if (same == views.end()) {
        views.push_back(std::move(shown));
    } else {
        shown_bytes_ -= same->bytes();
        *same = std::move(shown);
    }
}

void PartitionDb::drop_views(PartitionId id, std::uint64_t ident,
                             const std::function<bool(const ShownView&)>& goes) {
    ShownViews& views = shown_views(id, ident);
    for (const ShownView& view : views)
        if (goes(view)) {
            store_->drop_view(id, ident, view.stored.number);
            shown_bytes_ -= view.bytes();
        }
    std::erase_if(views, goes);
}

// The properties that images have from now on, by index.
std::map<std::string, std::set<std::size_t>, std::less<>>&
PartitionDb::asked(PartitionId id, const model::Schema& schema) {
    const auto [at, is_new] = asked_.try_emplace(id);
    if (is_new)
        for (const auto& [cls, property] : store_->asked(id))
            if (const model::Class* found = schema.find(cls))
                if (const std::size_t index = found->find(property); index != model::Class::npos)
                    at->second[cls].insert(index);
    return at->second;
}

void PartitionDb::ask(PartitionId id, const views::View& view) {
    auto& known = asked(id, *store_->schema(id));
    for (const auto& [name, cls] : view.classes())
        for (const std::size_t property : cls.asked)
            if (known[name].insert(property).second)
                store_->add_asked(id, name, cls.cls->properties[property].name);
}

// An entry that changes nothing, but is a version of its own.
void PartitionDb::append_empty(PartitionId id) {
    Work work;
    append_own(id, {}, own_time(), work);
}

// The number of the view that a file holds: the newest that was finished by then. Whatever the file
// says of it: who could choose an older one would be told what came since.
std::uint64_t PartitionDb::held_view(const ShownViews& all, std::uint64_t cursor) {
    const auto held = std::ranges::find_if(all.rbegin(), all.rend(), [&](const ShownView& shown) {
        return is_finished_at(shown.stored, cursor);
    });
    return held != all.rend() ? held->stored.number : 0;
}

// What took changes back, if no upload can come any more that was made before that, or before the
// end of a bootstrap that sent it anew.
void PartitionDb::drop_told(PartitionId id, std::uint64_t ident, const ShownViews& all,
                            std::uint64_t passed) {
    std::uint64_t up_to = passed;
    for (const ShownView& shown : all)
        if (shown.stored.end == 0 || shown.stored.end > passed)
            up_to = std::min(up_to, shown.stored.first);
    store_->drop_compensations(id, ident, up_to);
}

std::variant<server::BoundFile, server::Refusal>
PartitionDb::show(PartitionId id, server::BoundFile bound, const server::BindRequest& request) {
    understood_ = 0;
    met_.try_emplace(id, head(id).version);
    const server::Subscribing& subscribing = *request.subscribing;
    const std::uint64_t ident = request.file.ident, cursor = request.download.server_version;
    const model::SchemaPtr schema = store_->schema(id);
    auto read = views::read_query_set(subscribing.body, schema, settings_.queryable);
    if (const auto* refusal = std::get_if<std::string>(&read))
        return server::Refusal{Code::bad_query, *refusal};
    const auto& set = std::get<views::QuerySet>(read);
    std::string meaning = set.canonical_bytes();
    const auto view = std::make_shared<const views::View>(schema, set, *subscribing.roles);
    bound.discovered = set.discovered;
    windows_.forget(id, ident);

    const ShownViews& all = shown_views(id, ident);
    drop_told(id, ident, all, std::min(cursor, bound.threshold.server_version));
    const std::uint64_t number = held_view(all, cursor);
    // Parts of what was begun before that are gone, but uploads may come that were made before;
    // what came later has not arrived, or in part.
    const std::uint64_t settled = held_view(all, std::min(cursor, bound.threshold.server_version));
    drop_views(id, ident, [&](const ShownView& shown) {
        return shown.stored.end == 0 && shown.stored.number < settled;
    });
    set_under_way(id, ident, 0);
    for (const ShownView& shown : all)
        if (shown.is_forgotten() && shown.stored.number >= number &&
            (shown.stored.end == 0 || cursor != 0))
            return server::Refusal{
                Code::client_file_expired,
                "Client file expired (IDENT): too many query sets of it have come since."};
    for (const ShownView& shown : ShownViews(shown_views(id, ident)))
        if (shown.stored.number > number && shown.stored.end != 0) {
            ShownView reopened = shown;
            reopened.stored.start = std::exchange(reopened.stored.end, 0);
            put_view(id, ident, std::move(reopened));
        }
    // What it has written meanwhile was judged by the roles of those.
    const bool is_left_unfinished = std::ranges::any_of(all, [&](const ShownView& shown) {
        return shown.stored.number > number &&
               shown.stored.query_version == subscribing.query_version;
    });
    std::shared_ptr<const views::View> old;
    for (ShownView& shown : shown_views(id, ident)) {
        if (shown.stored.number != number)
            continue;
        view_of(id, shown);
        old = shown.view;
        if (old->identity() != view->identity() || is_left_unfinished)
            break;
        if (shown.stored.query_version != subscribing.query_version) {
            ShownView renamed = shown;
            renamed.stored.query_version = subscribing.query_version;
            put_view(id, ident, std::move(renamed));
        }
        bound.group = indexes_[id].take(old);
        bound.head = head(id).version;
        bound.work = server::kQueryByte * understood_;
        return bound;
    }
    bound.bootstrap = begin_bootstrap(id, ident, subscribing.query_version, std::move(meaning),
                                      view, std::move(old), cursor);
    bound.head = head(id).version;
    bound.work = server::kQueryByte * understood_;
    return bound;
}

std::variant<server::Subscribed, server::BadQuery>
PartitionDb::subscribe(PartitionId id, std::uint64_t ident, const server::Subscribing& request) {
    require_transaction();
    understood_ = 0;
    const model::SchemaPtr schema = store_->schema(id);
    auto read = views::read_query_set(request.body, schema, settings_.queryable);
    if (auto* refusal = std::get_if<std::string>(&read))
        return server::BadQuery{std::move(*refusal)};
    const auto& set = std::get<views::QuerySet>(read);
    auto view = std::make_shared<const views::View>(schema, set, *request.roles);
    std::shared_ptr<const views::View> old;
    for (ShownView& shown : shown_views(id, ident))
        if (shown.stored.end != 0) {
            view_of(id, shown);
            old = shown.view;
        }
    // Nothing of the history comes between parts of bootstraps: where one is under way, the next
    // stands for the same (7.2 B4).
    const ShownViews& known = shown_views(id, ident);
    const auto under_way = under_way_.find({id, ident});
    const bool is_under_way = !known.empty() && under_way != under_way_.end() &&
                              under_way->second == known.back().stored.number;
    const std::uint64_t start = is_under_way ? known.back().stored.start : head(id).version;
    auto bootstrap = begin_bootstrap(id, ident, request.query_version, set.canonical_bytes(), view,
                                     std::move(old), start);
    return server::Subscribed{std::move(bootstrap), head(id).version, start, set.discovered,
                              server::kQueryByte * understood_};
}

std::shared_ptr<const server::Bootstrap>
PartitionDb::begin_early(PartitionId id, std::uint64_t ident, std::uint64_t cursor,
                         const std::shared_ptr<const server::Bootstrap>& due) {
    require_transaction();
    ShownView held; // or what is due
    for (ShownView& shown : shown_views(id, ident))
        if (due ? shown.stored.number == due->number : is_finished_at(shown.stored, cursor)) {
            view_of(id, shown);
            held = shown;
        }
    if (held.stored.number == 0)
        throw std::invalid_argument("Nothing is shown to client file " + std::to_string(ident) +
                                    ".");
    if (due) {
        held.stored.start = cursor;
        put_view(id, ident, std::move(held));
        return due;
    }
    return begin_bootstrap(id, ident, held.stored.query_version, held.stored.meaning, held.view,
                           held.view, cursor);
}

// `old`: what the file holds when the history up to `start` has been sent. Bootstraps of the same
// query version that were not finished may have left parts of what they brought.
std::shared_ptr<const server::Bootstrap>
PartitionDb::begin_bootstrap(PartitionId id, std::uint64_t ident, std::int64_t query_version,
                             std::string meaning, const std::shared_ptr<const views::View>& view,
                             std::shared_ptr<const views::View> old, std::uint64_t start) {
    ask(id, *view);
    if (settings_.queryable.indexed)
        store_->index_property(id, *settings_.queryable.indexed);
    give_up_last(id, ident);
    auto bootstrap = std::make_shared<server::Bootstrap>();
    if (const ShownViews& known = shown_views(id, ident); !known.empty())
        bootstrap->number = known.back().stored.number;
    ++bootstrap->number;
    bootstrap->query_version = query_version;
    bootstrap->view = view;
    bootstrap->old = std::move(old);
    drop_older_alike(id, ident, query_version, *view);
    std::uint64_t first = head(id).version;
    for (const ShownView& shown : shown_views(id, ident)) {
        if (shown.stored.end != 0) { // nothing is left of those before it
            first = head(id).version;
            bootstrap->unfinished.clear();
            continue;
        }
        first = std::min(first, shown.stored.first);
        if (shown.stored.query_version == query_version && shown.view)
            bootstrap->unfinished.push_back({shown.view, shown.stored.start});
    }
    bootstrap->since = first;
    bound_views(id, ident, false);
    set_under_way(id, ident, bootstrap->number);
    put_view(
        id, ident,
        {{bootstrap->number, query_version, std::move(meaning), view->bytes(), first, start, 0},
         view});
    return bootstrap;
}

// `number`: of the bootstrap that the file is being brought by; 0: by none.
void PartitionDb::set_under_way(PartitionId id, std::uint64_t ident, std::uint64_t number) {
    const FileId file(id, ident);
    const auto found = under_way_.find(file);
    under_way_before_.emplace(file, found != under_way_.end() ? found->second : 0);
    if (number != 0)
        under_way_[file] = number;
    else if (found != under_way_.end())
        under_way_.erase(found);
}

// Of unfinished bootstraps of one view the newest stands for all: its parts may show what is newer.
void PartitionDb::drop_older_alike(PartitionId id, std::uint64_t ident, std::int64_t query_version,
                                   const views::View& view) {
    const auto is_alike = [&](const ShownView& shown) {
        return shown.stored.end == 0 && shown.stored.query_version == query_version && shown.view &&
               shown.view->identity() == view.identity();
    };
    std::uint64_t newest = 0;
    for (ShownView& shown : shown_views(id, ident)) {
        if (shown.stored.query_version == query_version && !shown.is_forgotten())
            view_of(id, shown);
        if (is_alike(shown))
            newest = shown.stored.number;
    }
    drop_views(id, ident, [&](const ShownView& shown) {
        return shown.stored.number < newest && is_alike(shown);
    });
}

// Of what was made since it was cut off the file can have nothing.
void PartitionDb::give_up_last(PartitionId id, std::uint64_t ident) {
    const ShownViews& views = shown_views(id, ident);
    if (views.empty() || views.back().stored.end != 0 || views.back().is_forgotten())
        return;
    ShownView last = views.back();
    last.stored.start = met_.try_emplace(id, head(id).version).first->second;
    {
        std::lock_guard lock(mutex_);
        const auto sent = sent_until_.find({id, ident});
        last.stored.start = std::max({last.stored.start, sent_until_by_others_,
                                      sent != sent_until_.end() ? sent->second : 0});
    }
    put_view(id, ident, std::move(last));
}

void PartitionDb::note_sent(PartitionId id, std::uint64_t ident, const server::Page& page) {
    constexpr std::size_t kFiles = 100'000;
    const std::uint64_t until = page.progress.download.server_version;
    std::lock_guard lock(mutex_);
    if (sent_until_.size() >= kFiles) {
        for (const auto& [file, version] : sent_until_)
            sent_until_by_others_ = std::max(sent_until_by_others_, version);
        sent_until_.clear();
    }
    std::uint64_t& known = sent_until_[{id, ident}];
    known = std::max(known, until);
}

// The newest of those that are too many stays in the place of all of them, without its view.
void PartitionDb::bound_views(PartitionId id, std::uint64_t ident, bool finished) {
    const auto is_one = [&](const ShownView& shown) { return (shown.stored.end != 0) == finished; };
    std::size_t count = 0;
    std::map<std::int64_t, std::size_t> alike; // by query version
    std::uint64_t bytes = 0;
    const ShownView* forgotten = nullptr;
    const ShownViews& all = shown_views(id, ident);
    for (auto shown = all.rbegin(); shown != all.rend() && forgotten == nullptr; ++shown) {
        if (!is_one(*shown))
            continue;
        const std::uint64_t size = shown->stored.view.size() + shown->stored.meaning.size();
        bytes += size;
        if (++count >= kKept || (count > kKeptAnyway && bytes > kKeptBytes) ||
            (!finished && ++alike[shown->stored.query_version] >= kAlike))
            forgotten = &*shown;
    }
    if (forgotten == nullptr)
        return;
    ShownView stub{forgotten->stored, nullptr};
    stub.stored.meaning = kForgotten;
    stub.stored.view.clear();
    drop_views(id, ident, [&](const ShownView& shown) {
        return is_one(shown) && shown.stored.number < stub.stored.number;
    });
    put_view(id, ident, std::move(stub));
}

// Views before the last one are kept while uploads may come that were made under them.
server::ConcludedBootstrap PartitionDb::conclude(PartitionId id,
                                                 const server::PageRequest& request) {
    require_transaction();
    const std::uint64_t ident = request.file_ident;
    const auto file = find_file(id, ident);
    ShownView concluded;
    for (const ShownView& shown : shown_views(id, ident))
        if (shown.stored.number == request.bootstrap->number)
            concluded = shown;
    if (!file || concluded.stored.number == 0)
        throw std::invalid_argument("There is no such bootstrap of client file " +
                                    std::to_string(ident) + ".");
    // Its end is another version than its beginning, so that changes of the file tell by their base
    // on which side of it they were made.
    if (head(id).version == request.cursor.server_version)
        append_empty(id);
    server::ConcludedBootstrap result;
    result.page = conclude_bootstrap(*store_, request, {head(id), *file});
    note_sent(id, ident, result.page);
    if (!result.page.refusal.empty() || !result.page.is_last) {
        result.head = head(id).version;
        return result;
    }
    concluded.stored.start = request.cursor.server_version;
    concluded.stored.end = head(id).version;
    set_under_way(id, ident, 0);
    put_view(id, ident, std::move(concluded));
    std::uint64_t oldest = 0; // that is needed
    for (const ShownView& shown : shown_views(id, ident))
        if (is_finished_at(shown.stored, file->base_server_version))
            oldest = shown.stored.number;
    drop_views(id, ident, [&](const ShownView& shown) { return shown.stored.number < oldest; });
    bound_views(id, ident, true);
    if (!store_->compensations(id, ident, request.cursor.server_version).empty()) {
        append_empty(id);
        store_->put_off_compensations(id, ident, request.cursor.server_version, head(id).version);
    }
    result.head = head(id).version;
    result.group = indexes_[id].take(request.bootstrap->view);
    return result;
}

} // namespace realmsync::partitions
