// Which objects a query selects of many, and in which order (query-language.md section 15): the
// filter, then each clause upon what the one before has left.
#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "query/evaluation/evaluate.hpp"
#include "query/evaluation/path_values.hpp"
#include "query/values/compare_values.hpp"

namespace realmsync::query {

namespace {

// One key of SORT or DISTINCT for each selected object.
class Keys {
  public:
    Keys(const Path& path, const model::Schema& schema, std::span<const Image> objects,
         std::span<const std::size_t> selected, Run& run)
        : route_(path, path.hops.size()) {
        const PathValues values(path, schema);
        keys_.resize(selected.size());
        is_reached_.resize(selected.size());
        for (std::size_t i = 0; i < selected.size(); ++i) {
            const Image& object = objects[selected[i]];
            run.work().begin_object();
            bool is_reached = false;
            route_.each(object, run, [&](const Image&) { return is_reached = true; });
            is_reached_[i] = is_reached;
            ValueView key;
            if (!values.single(object, run, key))
                key = ValueView();
            keys_[i] = key;
            if (!path.hops.empty() || !path.elements.empty()) { // may not outlive the visit
                owned_.push_back(std::make_unique<const model::Value>(key.to_value()));
                keys_[i] = ValueView(*owned_.back());
            }
        }
    }

    // Whether the path led somewhere: no single link on the way was null or dangling.
    bool is_reached(std::size_t i) const { return is_reached_[i]; }
    int order(std::size_t a, std::size_t b) const { return exact_order(keys_[a], keys_[b]); }
    // The order of SORT: who was not reached comes behind all others.
    int order_with_unreached(std::size_t a, std::size_t b) const {
        if (is_reached_[a] != is_reached_[b])
            return is_reached_[a] ? -1 : 1;
        return is_reached_[a] ? order(a, b) : 0;
    }

  private:
    Route route_;
    std::vector<ValueView> keys_;
    std::vector<std::unique_ptr<const model::Value>> owned_;
    std::vector<bool> is_reached_;
};

class Clauses {
  public:
    Clauses(const model::Schema& schema, std::span<const Image> objects, Run& run,
            std::vector<std::size_t>& selected)
        : schema_(schema), objects_(objects), run_(run), selected_(selected) {}

    void operator()(const Sort& sort) {
        std::vector<std::pair<Keys, bool>> keys;
        for (const SortKey& key : sort.keys)
            keys.emplace_back(keys_of(key.path), key.ascending);
        std::vector<std::size_t> places = all_places();
        std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
            for (const auto& key : keys) {
                const int order = key.first.order_with_unreached(a, b);
                if (order != 0)
                    return key.second ? order < 0 : order > 0;
            }
            return false;
        });
        keep(places);
    }

    void operator()(const Distinct& distinct) {
        std::vector<Keys> keys;
        for (const Path& path : distinct.paths)
            keys.push_back(keys_of(path));
        auto order = [&](std::size_t a, std::size_t b) {
            for (const Keys& key : keys) {
                if (const int result = key.order(a, b); result != 0)
                    return result;
            }
            return 0;
        };
        std::vector<std::size_t> places = all_places();
        std::erase_if(places, [&](std::size_t place) {
            return std::any_of(keys.begin(), keys.end(),
                               [&](const Keys& key) { return !key.is_reached(place); });
        });
        // Equal ones side by side, the first of each in front; then back in their order.
        std::stable_sort(places.begin(), places.end(),
                         [&](std::size_t a, std::size_t b) { return order(a, b) < 0; });
        places.erase(std::unique(places.begin(), places.end(),
                                 [&](std::size_t a, std::size_t b) { return order(a, b) == 0; }),
                     places.end());
        std::sort(places.begin(), places.end());
        keep(places);
    }

    void operator()(const Limit& limit) {
        if (limit.count < selected_.size())
            selected_.resize(limit.count);
    }

  private:
    Keys keys_of(const Path& path) const { return Keys(path, schema_, objects_, selected_, run_); }
    std::vector<std::size_t> all_places() const {
        std::vector<std::size_t> places(selected_.size());
        std::iota(places.begin(), places.end(), std::size_t{0});
        return places;
    }
    void keep(const std::vector<std::size_t>& places) { // of selected_, in their new order
        std::vector<std::size_t> kept;
        kept.reserve(places.size());
        for (const std::size_t place : places)
            kept.push_back(selected_[place]);
        selected_ = std::move(kept);
    }

    const model::Schema& schema_;
    std::span<const Image> objects_;
    Run& run_;
    std::vector<std::size_t>& selected_;
};

} // namespace

void apply_clauses(std::span<const Clause> clauses, const model::SchemaPtr& schema,
                   std::span<const Image> objects, Run& run, std::vector<std::size_t>& selected) {
    Clauses apply(*schema, objects, run, selected);
    for (const Clause& clause : clauses)
        std::visit(apply, clause);
}

std::vector<std::size_t> select(const Query& query, std::span<const Image> objects, Graph& graph) {
    Run run(graph);
    std::vector<const Query*> stages; // the last one first
    for (const Query* stage = &query; stage != nullptr; stage = stage->of.get())
        stages.push_back(stage);
    std::vector<std::size_t> selected(objects.size());
    std::iota(selected.begin(), selected.end(), std::size_t{0});
    for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
        const Evaluator evaluator(**stage);
        std::erase_if(selected, [&](std::size_t position) {
            return !evaluator.matches(objects[position], run);
        });
        apply_clauses((*stage)->clauses, (*stage)->schema, objects, run, selected);
    }
    return selected;
}

} // namespace realmsync::query
