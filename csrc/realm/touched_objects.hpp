// Which objects commits have written, by class and primary key: what a changeset names. Objects
// that were created or erased are among them, and those whose embedded objects were written.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "changeset/instruction.hpp"
#include "model/value.hpp"

namespace realmsync::realm {

class TouchedObjects {
  public:
    void add(std::string_view cls, const Key& key);
    void add(const changeset::Changeset& changeset); // O(instructions)
    void add(const TouchedObjects& other);
    // Nobody knows which: any may have been written.
    void add_unknown() { is_unknown_ = true; }

    bool has(std::string_view cls) const { return is_unknown_ || classes_.contains(cls); }
    bool has(std::string_view cls, const Key& key) const;
    bool empty() const { return !is_unknown_ && classes_.empty(); }

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const Key& key) const { return model::hash(key); }
        std::size_t operator()(const model::ObjectKey& key) const {
            return model::hash(key.view());
        }
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>()(text);
        }
    };
    struct Equal {
        using is_transparent = void;
        static const Key& view(const Key& key) { return key; }
        static Key view(const model::ObjectKey& key) { return key.view(); }
        template <class A, class B> bool operator()(const A& a, const B& b) const {
            return model::equal(view(a), view(b));
        }
    };
    using Keys = std::unordered_set<model::ObjectKey, Hash, Equal>;

    Keys& keys_of(std::string_view cls);

    std::unordered_map<std::string, Keys, Hash, std::equal_to<>> classes_;
    bool is_unknown_ = false;
};

} // namespace realmsync::realm
