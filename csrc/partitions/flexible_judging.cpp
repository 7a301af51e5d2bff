#include "partitions/flexible_judging.hpp"

#include <algorithm>

#include "query/values/no_objects.hpp"

namespace realmsync::partitions {

const views::View PartitionDb::Judging::kNothing;

void PartitionDb::Judging::read_past(const server::AppendRequest& request) {
    const std::uint64_t head = db_.head(id_).version;
    std::uint64_t base = request.changesets.front().server_version;
    for (const Compensation& compensation : db_.store_->compensations(id_, file_, base))
        note_rejected({compensation.cls, compensation.key.view()}, compensation.version);
    for (const ShownView& shown : views_)
        if (shown.stored.end > base || (shown.stored.end == 0 && &shown == &views_.back()))
            base = std::min(base, shown.stored.first);
    for (const server::UploadedChangeset& upload : request.changesets) {
        const views::Touched touched(upload.changeset);
        for (const views::TouchedObject& object : touched.objects()) {
            const Name borrowed{object.table, object.key};
            if (past_.contains(borrowed))
                continue;
            names_.push_back(std::make_unique<std::pair<std::string, model::ObjectKey>>(
                std::string(object.table), model::ObjectKey(object.key)));
            past_.emplace(Name{names_.back()->first, names_.back()->second.view()},
                          std::vector<Step>());
        }
    }
    if (base >= head)
        return;
    std::set<std::uint64_t> own;
    db_.store_->senders(id_, base + 1, head, [&](std::uint64_t version, std::uint64_t via, bool) {
        if (via == file_)
            own.insert(version);
    });
    const model::SchemaPtr schema = db_.store_->schema(id_);
    db_.store_->images(id_, base, head, [&](std::uint64_t version, std::string_view bytes) {
        work_.spend(1'000 + 10 * bytes.size());
        add_steps(version, own.contains(version), bytes, *schema);
    });
}

void PartitionDb::Judging::add_steps(std::uint64_t version, bool is_own, std::string_view bytes,
                                     const model::Schema& schema) {
    views::EntryImages entry = views::read_images(bytes, schema);
    for (views::ObjectImages& images : entry.objects) {
        const auto found = past_.find({images.cls->name, images.key.view()});
        if (found != past_.end())
            found->second.push_back({version, is_own, std::move(images)});
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

changeset::Changeset PartitionDb::Judging::shown(std::uint64_t version,
                                                 const changeset::Changeset& changeset) {
    const views::Touched touched(changeset);
    std::vector<const rules::Fields*> fields(touched.objects().size());
    if (const views::View* view = plain_view(version)) {
        std::unordered_map<std::string, const rules::Fields*> shown; // by class and key
        query::NoObjects objects;
        query::Run run(objects);
        const model::SchemaPtr schema = db_.store_->schema(id_);
        db_.store_->images(id_, version - 1, version, [&](std::uint64_t, std::string_view bytes) {
            const views::EntryImages entry = views::read_images(bytes, *schema);
            for (const views::ObjectImages& images : entry.objects)
                shown[images.cls->name + '\0' + views::key_bytes(images.key.view())] =
                    views::shown_plainly(view->before(images, run), view->after(images, run));
        });
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const views::TouchedObject& object = touched.objects()[i];
            const auto found =
                shown.find(std::string(object.table) + '\0' + views::key_bytes(object.key));
            fields[i] = found != shown.end() ? found->second : nullptr;
        }
    }
    return touched.with(fields);
}

bool PartitionDb::Judging::is_lost(const Name& name, std::uint64_t base, const query::Image* now) {
    const auto rejected = rejected_.find({std::string(name.cls), views::key_bytes(name.key)});
    if (rejected != rejected_.end() && rejected->second > base)
        return true;
    const std::uint64_t head = db_.head(id_).version;
    static const std::vector<Step> kNone;
    const auto found = past_.find(name);
    const std::vector<Step>& steps = found == past_.end() ? kNone : found->second;
    query::NoObjects objects;
    query::Run run(objects);
    const views::View* shown = &kNothing;
    std::uint64_t from = base;
    for (const ShownView& next : views_) {
        if (next.stored.end != 0 && next.stored.end <= base) {
            shown = next.view.get();
            continue;
        }
        if (next.stored.end == 0 && &next != &views_.back())
            continue; // was given up
        const std::uint64_t start = next.stored.start;
        const std::uint64_t end = next.stored.end != 0 ? next.stored.end : head;
        if (has_crossed(from, end, steps, *shown, run))
            return true;
        const views::Presence old = presence_after(start, steps, now, *shown, run);
        const views::Presence after = presence_after(end, steps, now, *next.view, run);
        const auto was_sent = [&](const Step& step) {
            return step.version > start && step.version <= end && !step.is_own;
        };
        const bool is_its_own = is_made_by_file(next.stored.first, end, steps);
        const bool has_all = is_its_own && after.is_inside() &&
                             views::is_shown_whole(*schema_->find(name.cls), after);
        if (after.is_inside() && !has_all && (old != after || std::ranges::any_of(steps, was_sent)))
            return true;
        if ((old.is_inside() || is_its_own) && after == views::kOutside)
            return true;
        shown = next.view.get();
        from = end;
    }
    return has_crossed(from, head, steps, *shown, run);
}

} // namespace realmsync::partitions
