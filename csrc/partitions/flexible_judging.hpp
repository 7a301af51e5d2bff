// Whether an upload of flexible sync is what the client file still has, and by whose rights it is
// judged: what happened to its objects since it was made, as the file was shown it
// (flexible-sync.md 9.2, 17.6). What becomes of it is flexible_append.cpp's.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "partitions/flexible_page.hpp"
#include "partitions/partition_db.hpp"
#include "query/evaluation/run.hpp"
#include "query/values/no_objects.hpp"
#include "rules/session_roles.hpp"
#include "views/entry_images.hpp"
#include "views/fold.hpp"
#include "views/judge.hpp"
#include "views/touched.hpp"
#include "views/value_bytes.hpp"

namespace realmsync::partitions {

// An object by name, borrowed.
struct Name {
    std::string_view cls;
    Key key;
    std::size_t hash() const { return std::hash<std::string_view>{}(cls) * 31 + model::hash(key); }
    std::string bytes() const { return std::string(cls) + '\0' + views::key_bytes(key); }
};

// Decides for the changes of one request. What happened to their objects since they were made is
// read once for all of them.
class PartitionDb::Judging {
  public:
    Judging(PartitionDb& db, PartitionId id, const server::AppendRequest& request, Work& work)
        : db_(db), id_(id), ident_(request.file_ident), roles_(request.roles), work_(work),
          views_(db.shown_views(id, request.file_ident)),
          run_(objects_, {.object = kSteps, .run = kSteps, .free = 0}) {
        understand();
        if (!request.changesets.empty())
            read_past(request);
    }

    // Whether it is known what the file was shown at that version, and since.
    bool knows(std::uint64_t base) const;

    // The rights and the view that count, by the schema of the moment.
    void adopt(const model::SchemaPtr& schema) {
        if (schema_ != schema)
            rights_.clear();
        schema_ = schema;
    }
    const views::View& view() const { return views_.empty() ? kNothing : *views_.back().view; }
    const model::Schema& schema() const { return *schema_; }

    // What images have of the touched classes, and what is asked of their objects by the judge.
    query::Needs needs(const views::Touched& touched) {
        query::Needs needs;
        for (const views::TouchedObject& object : touched.objects()) {
            const model::Class* cls = schema_->find(object.table);
            if (cls == nullptr || cls->embedded() || needs.properties.contains(cls))
                continue;
            std::set<std::size_t>& properties = needs.properties[cls];
            const auto& asked = db_.asked(id_, *schema_);
            if (const auto found = asked.find(cls->name); found != asked.end())
                properties = found->second;
            if (const views::ClassView* shown = view().find(cls->name))
                properties.insert(shown->asked.begin(), shown->asked.end());
            if (const rules::ClassRights* rights = rights_of(*cls))
                for (const query::PredicatePtr& filter : rights->filters())
                    add(needs_of(*filter), *cls, properties);
            if (const auto& indexed = db_.settings_.queryable.indexed)
                if (const std::size_t at = cls->find(*indexed); at != model::Class::npos)
                    properties.insert(at);
        }
        return needs;
    }
    views::Judge judge(const model::Class& cls) { return {view(), rights_of(cls), run_}; }
    // For what views and rights were asked so far.
    void pay() {
        const std::uint64_t spent = time_of(run_);
        work_.spend(spent - paid_);
        paid_ = spent;
    }

    // Whether the file has lost the change, in its own merge: since it was made the object was
    // erased there, and perhaps made anew, by what the file was sent or will be.
    enum class Loss : std::uint8_t {
        none,
        sent_anew, // by a bootstrap, but as it was for the file: the change can be made again
        contradicted,
    };
    // `changed`: properties, by index.
    Loss loss_of(const Name& name, std::uint64_t base, const query::Image* now,
                 std::span<const std::size_t> changed);

    bool is_touched_by_others(const Name& name, std::uint64_t base) const;

    // An entry of the file itself, from this request.
    void note_entry(std::uint64_t version, std::string_view images) {
        add_steps(version, true, images, *db_.store_->schema(id_));
    }

    // What the file has been sent of an entry, or will be, as it is: nothing of what a bootstrap
    // stands for, and of what its view does not show.
    changeset::Changeset shown(std::uint64_t version, std::string_view images,
                               const changeset::Changeset& changeset);

    // The object was not let through: later changes of it, made before that is known, are lost.
    void note_rejected(const Name& name, std::uint64_t version) {
        rejected_[name.bytes()] = version;
    }
    // The object will be sent anew, with the change: later ones of it, made before that has come
    // but behind the bootstrap, are lost. `base`: at which it was made.
    void note_sent_anew(const Name& name, std::uint64_t version, std::uint64_t base) {
        kept_[name.bytes()].push_back({version, base});
    }

  private:
    const rules::ClassRights* rights_of(const model::Class& cls) const {
        auto& known = rights_[&cls];
        if (!known)
            known = roles_->rights(schema_, cls.name);
        return known.get();
    }
    static void add(const query::Needs& more, const model::Class& cls,
                    std::set<std::size_t>& properties) {
        if (const auto found = more.properties.find(&cls); found != more.properties.end())
            properties.insert(found->second.begin(), found->second.end());
    }

    struct Past { // of one object
        const model::Class& cls;
        const std::vector<Step>& steps;
        std::span<const std::uint64_t> taken_back;
    };
    struct Kept { // a change: the version that sends it anew, and the one that it was made at
        std::uint64_t version, base;
    };
    bool lacks(const Kept& kept, std::uint64_t base) const;

    void understand();
    void read_past(const server::AppendRequest& request);
    void note_names(const server::AppendRequest& request);
    void add_steps(std::uint64_t version, bool is_own, std::string_view images,
                   const model::Schema& schema);
    // The object after `version`, as images show it: the one before the next change, or as it is.
    static views::Presence presence_after(std::uint64_t version, const std::vector<Step>& steps,
                                          const query::Image* now, const views::View& view,
                                          query::Run& run);
    const views::View* plain_view(std::uint64_t version) const; // null: of a bootstrap
    // Whether the file has made the object itself, and nobody else has touched it.
    bool is_as_it_was(const model::Class& cls, const views::View& held, std::uint64_t base,
                      const std::vector<Step>& steps, const query::Image* now,
                      std::span<const std::size_t> changed);
    static bool is_made_by_file(std::uint64_t first, std::uint64_t last,
                                const std::vector<Step>& steps);
    std::vector<BroughtView> brought_with(const ShownView& next) const;
    bool is_said_anew(const Past& past, std::uint64_t start, std::uint64_t end,
                      const query::Image* now, const views::View& shown, const ShownView& next,
                      query::Run& run) const;
    static bool has_crossed(std::uint64_t first, std::uint64_t last, const std::vector<Step>& steps,
                            const views::View& view, query::Run& run);

    static const views::View kNothing;
    static constexpr std::uint64_t kSteps = 200'000'000; // about what the work allows

    PartitionDb& db_;
    const PartitionId id_;
    const std::uint64_t ident_;
    const std::shared_ptr<const rules::SessionRoles> roles_;
    Work& work_;
    ShownViews& views_;
    query::NoObjects objects_;
    query::Run run_;         // of views and rights on images
    std::uint64_t paid_ = 0; // ns of it
    model::SchemaPtr schema_;
    mutable std::map<const model::Class*, std::shared_ptr<const rules::ClassRights>> rights_;
    // Of the objects that the request is about, by their names' bytes; and the hashes of all of
    // these names, ascending, if there is more than one entry to be looked at.
    std::unordered_map<std::string, std::vector<Step>> past_;
    std::vector<std::size_t> names_;
    std::unordered_map<std::string, std::uint64_t> rejected_; // when, last
    std::unordered_map<std::string, std::vector<Kept>> kept_;
    // When of those that were there before the request, ascending; also of what the file has
    // passed.
    std::unordered_map<std::string, std::vector<std::uint64_t>> taken_back_;
};

} // namespace realmsync::partitions
