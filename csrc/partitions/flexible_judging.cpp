#include "partitions/flexible_judging.hpp"

#include <algorithm>

#include "base/sorted_unique.hpp"
#include "server/query_cost.hpp"

namespace realmsync::partitions {

const views::View PartitionDb::Judging::kNothing;

// The views that anything is asked of: not those of bootstraps that were given up, but for what a
// later one of the same query version takes into account.
void PartitionDb::Judging::understand() {
    std::set<std::int64_t> later; // query versions
    for (auto shown = views_.rbegin(); shown != views_.rend(); ++shown) {
        const bool is_needed = shown->stored.end != 0 || shown == views_.rbegin() ||
                               later.contains(shown->stored.query_version);
        later.insert(shown->stored.query_version);
        if (!is_needed || shown->view)
            continue;
        work_.spend(server::kQueryByte * shown->stored.view.size());
        db_.view_of(id_, *shown);
    }
}

bool PartitionDb::Judging::knows(std::uint64_t base) const {
    bool is_known = true;
    const ShownView* cut_off = nullptr; // and forgotten
    for (const ShownView& shown : views_) {
        if (shown.stored.end == 0) {
            cut_off = shown.is_forgotten() ? &shown : cut_off;
            continue;
        }
        const bool took_account =
            cut_off != nullptr && cut_off->stored.query_version == shown.stored.query_version;
        if (shown.is_forgotten() || shown.stored.end <= base)
            is_known = !shown.is_forgotten();
        else if (took_account)
            is_known = false;
        cut_off = nullptr;
    }
    return is_known;
}

void PartitionDb::Judging::read_past(const server::AppendRequest& request) {
    const std::uint64_t head = db_.head(id_).version;
    std::uint64_t base = request.changesets.front().server_version;
    for (const ShownView& shown : views_)
        if (shown.stored.end > base || (shown.stored.end == 0 && &shown == &views_.back()))
            base = std::min(base, shown.stored.first);
    for (const Compensation& row : db_.store_->compensations(id_, ident_, base)) {
        const Name name{row.cls, row.key.view()};
        taken_back_[name.bytes()].push_back(row.version);
        row.is_of_kept_change() ? note_sent_anew(name, row.version, row.base)
                                : note_rejected(name, row.version);
    }
    if (base < head || request.changesets.size() > 1)
        note_names(request);
    if (base >= head)
        return;
    std::set<std::uint64_t> own;
    db_.store_->senders(id_, base + 1, head, [&](std::uint64_t version, std::uint64_t via, bool) {
        if (via == ident_)
            own.insert(version);
    });
    const model::SchemaPtr schema = db_.store_->schema(id_);
    db_.store_->images(id_, base, head, [&](std::uint64_t version, std::string_view bytes) {
        work_.spend(1'000 + 10 * bytes.size());
        add_steps(version, own.contains(version), bytes, *schema);
    });
}

void PartitionDb::Judging::note_names(const server::AppendRequest& request) {
    constexpr std::uint64_t kName = 50; // ns
    for (const server::UploadedChangeset& upload : request.changesets) {
        work_.spend(kName * upload.changeset.instructions.size());
        for (const changeset::Instruction& i : upload.changeset.instructions) {
            if (is_schema(i.op))
                continue;
            const Name name{upload.changeset.strings[i.table], upload.changeset.key(i)};
            if (const std::size_t hash = name.hash(); names_.empty() || names_.back() != hash)
                names_.push_back(hash);
        }
    }
    sort_unique(names_);
}

void PartitionDb::Judging::add_steps(std::uint64_t version, bool is_own, std::string_view bytes,
                                     const model::Schema& schema) {
    views::EntryImages entry = views::read_images(bytes, schema);
    for (views::ObjectImages& images : entry.objects) {
        const Name name{images.cls->name, images.key.view()};
        if (std::ranges::binary_search(names_, name.hash())) // or one with the same
            past_[name.bytes()].push_back({version, is_own, std::move(images)});
    }
}

views::Presence PartitionDb::Judging::presence_after(std::uint64_t version,
                                                     const std::vector<Step>& steps,
                                                     const query::Image* now,
                                                     const views::View& view, query::Run& run) {
    for (const Step& step : steps)
        if (step.version > version)
            return view.before(step.images, run);
    return view.presence(now, run);
}

bool PartitionDb::Judging::has_crossed(std::uint64_t first, std::uint64_t last,
                                       const std::vector<Step>& steps, const views::View& view,
                                       query::Run& run) {
    return std::ranges::any_of(steps, [&](const Step& step) {
        return step.version > first && step.version <= last &&
               views::is_crossing(view.before(step.images, run), view.after(step.images, run));
    });
}

bool PartitionDb::Judging::is_made_by_file(std::uint64_t first, std::uint64_t last,
                                           const std::vector<Step>& steps) {
    bool is_made = false;
    for (const Step& step : steps) {
        if (step.version <= first || step.version > last)
            continue;
        if (!step.is_own)
            return false;
        if (!is_made && step.images.existed)
            return false;
        is_made = true;
    }
    return is_made;
}

const views::View* PartitionDb::Judging::plain_view(std::uint64_t version) const {
    const views::View* view = nullptr;
    for (const ShownView& shown : views_) {
        const bool is_under_way = shown.stored.end == 0 && &shown == &views_.back();
        if (shown.stored.end == 0 && !is_under_way)
            continue; // was given up
        if (shown.stored.end != 0 && shown.stored.end < version)
            view = shown.view.get();
        else if (shown.stored.start < version)
            return nullptr;
    }
    return view;
}

changeset::Changeset PartitionDb::Judging::shown(std::uint64_t version, std::string_view images,
                                                 const changeset::Changeset& changeset) {
    const views::Touched touched(changeset);
    std::vector<const rules::Fields*> fields(touched.objects().size());
    if (const views::View* view = plain_view(version)) {
        std::unordered_map<std::string, const rules::Fields*> shown; // by names' bytes
        const model::SchemaPtr schema = db_.store_->schema(id_);
        if (!images.empty())
            for (const views::ObjectImages& object : views::read_images(images, *schema).objects)
                shown[Name{object.cls->name, object.key.view()}.bytes()] =
                    views::shown_plainly(view->before(object, run_), view->after(object, run_));
        pay();
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const views::TouchedObject& object = touched.objects()[i];
            const auto found = shown.find(Name{object.table, object.key}.bytes());
            fields[i] = found != shown.end() ? found->second : nullptr;
        }
    }
    return touched.with(fields);
}

// The view that a bootstrap brings, and those of unfinished ones that it takes into account.
std::vector<BroughtView> PartitionDb::Judging::brought_with(const ShownView& next) const {
    std::vector<BroughtView> views{{next.view.get()}};
    for (const ShownView& view : views_) {
        if (view.stored.number == next.stored.number)
            break;
        if (view.stored.end != 0) // nothing is left of those before it
            views.resize(1);
        else if (view.stored.query_version == next.stored.query_version)
            views.push_back({view.view.get(), view.stored.start});
    }
    return views;
}

// Whether a bootstrap has something to say of an object: that it is gone, or all that it has. What
// it says is bootstrap_page.cpp's.
bool PartitionDb::Judging::is_said_anew(const Past& past, std::uint64_t start, std::uint64_t end,
                                        const query::Image* now, const views::View& shown,
                                        const ShownView& next, query::Run& run) const {
    const auto& [cls, steps, taken_back] = past;
    const std::vector<BroughtView> views = brought_with(next);
    const std::uint64_t since = std::min(start, next.stored.first);
    const views::Presence old = presence_after(end, steps, now, shown, run);
    const views::Presence after = presence_after(end, steps, now, *next.view, run);
    bool is_whole =
        is_made_by_file(since, end, steps) && (!after.exists || views::is_shown_whole(cls, after));
    bool has_own = false, is_same = after == old,
         was_inside = presence_after(start, steps, now, shown, run).is_inside();
    const Step* first = nullptr;
    std::uint64_t version_before = 0;
    bool has_others = false; // that have come with the history before
    for (const Step& step : steps) {
        if (step.version <= since || step.version > end)
            continue;
        first = first != nullptr ? first : &step;
        is_whole = is_whole && !has_crossed_before(step, start, shown, run);
        const views::Presence from = shown.before(step.images, run);
        const views::Presence to = shown.after(step.images, run);
        const bool has_come = !step.is_own && step.version <= start;
        has_others = has_others || has_come;
        has_own = has_own || (step.is_own && step.images.exists);
        is_same = is_same && (has_come || (step.is_own && !views::is_crossing(from, to)));
        for (const BroughtView& brought : views) {
            const views::Presence was = brought.view->before(step.images, run);
            const views::Presence is = brought.view->after(step.images, run);
            is_same = is_same && (has_come || (was == from && is == to));
            was_inside = was_inside || brought.may_have_shown(step, version_before, run);
            is_whole = is_whole && (!step.images.exists || views::is_shown_whole(cls, is));
        }
        version_before = step.version;
    }
    for (std::size_t i = 1; i < views.size() && is_same; ++i) // parts that the file may have
        is_same = first == nullptr ? presence_after(end, steps, now, *views[i].view, run) == old
                                   : !has_others || !views[i].may_have_said(*first, shown, run);
    is_same = is_same && !(has_own && old == views::kOutside); // it has what it has made
    const auto is_within = [&](std::uint64_t version) { return version > since && version <= end; };
    if (first != nullptr && std::ranges::any_of(taken_back, is_within))
        return true;
    return !is_whole && !is_same && (has_own || was_inside || after.is_inside());
}

// Whether the file had what it has changed as it is here: it was shown that by the view that it
// held then, and nobody else has touched the object since.
bool PartitionDb::Judging::is_as_it_was(const model::Class& cls, const views::View& held,
                                        std::uint64_t base, const std::vector<Step>& steps,
                                        const query::Image* now,
                                        std::span<const std::size_t> changed) {
    const views::Presence then = presence_after(base, steps, now, held, run_);
    return then.is_inside() &&
           std::ranges::all_of(changed,
                               [&](std::size_t property) {
                                   return then.shown->contains(cls.properties[property].name);
                               }) &&
           std::ranges::none_of(
               steps, [&](const Step& step) { return step.version > base && !step.is_own; });
}

// Whether a bootstrap came between the change and what the file made at `base`: it has taken the
// change from the file, which has not got it again.
bool PartitionDb::Judging::lacks(const Kept& kept, std::uint64_t base) const {
    return std::ranges::any_of(views_, [&](const ShownView& view) {
        return view.stored.end > kept.base && view.stored.end <= base;
    });
}

PartitionDb::Judging::Loss PartitionDb::Judging::loss_of(const Name& name, std::uint64_t base,
                                                         const query::Image* now,
                                                         std::span<const std::size_t> changed) {
    const model::Class& cls = *schema_->find(name.cls);
    const std::uint64_t head = db_.head(id_).version;
    static const std::vector<Step> kNone;
    const std::vector<Step>* found = &kNone;
    std::span<const std::uint64_t> taken_back;
    bool is_sent_anew = false;
    if (!rejected_.empty() || !kept_.empty() || !past_.empty()) {
        const std::string bytes = name.bytes();
        if (const auto at = rejected_.find(bytes); at != rejected_.end() && at->second > base)
            return Loss::contradicted;
        if (const auto rows = kept_.find(bytes); rows != kept_.end())
            for (const Kept& kept : rows->second) {
                if (kept.version > base && lacks(kept, base))
                    return Loss::contradicted;
                is_sent_anew = is_sent_anew || kept.version > base;
            }
        if (const auto past = past_.find(bytes); past != past_.end())
            found = &past->second;
        if (const auto rows = taken_back_.find(bytes); rows != taken_back_.end())
            taken_back = rows->second;
    }
    const std::vector<Step>& steps = *found;
    const views::View* held = &kNothing; // at the base
    const views::View* shown = held;
    std::uint64_t from = base;
    bool is_said = false;
    for (const ShownView& next : views_) {
        if (next.stored.end != 0 && next.stored.end <= base) {
            shown = held = next.view.get();
            continue;
        }
        if (next.stored.end == 0 && &next != &views_.back())
            continue; // was given up
        const std::uint64_t start = next.stored.start;
        const std::uint64_t end = next.stored.end != 0 ? next.stored.end : head;
        if (has_crossed(from, end, steps, *shown, run_))
            return Loss::contradicted;
        is_said =
            is_said || is_said_anew({cls, steps, taken_back}, start, end, now, *shown, next, run_);
        shown = next.view.get();
        from = end;
    }
    if (has_crossed(from, head, steps, *shown, run_))
        return Loss::contradicted;
    if (!is_said) // what the file has made behind the bootstrap stands on the object without it
        return is_sent_anew ? Loss::contradicted : Loss::none;
    return is_as_it_was(cls, *held, base, steps, now, changed) ? Loss::sent_anew
                                                               : Loss::contradicted;
}

bool PartitionDb::Judging::is_touched_by_others(const Name& name, std::uint64_t base) const {
    const auto past = past_.empty() ? past_.end() : past_.find(name.bytes());
    return past != past_.end() && std::ranges::any_of(past->second, [&](const Step& step) {
               return step.version > base && !step.is_own;
           });
}

} // namespace realmsync::partitions
