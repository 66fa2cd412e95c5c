// Orders of std::sort for tests/proposals/search/test_sorting.py: g++ -O2 make.cpp && ./a.out
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

struct Item {
    int place;
    float key;
    bool operator<(const Item& other) const { return key < other.key; }
};

static const char* separator = "";

static void write(const char* name, const std::vector<float>& keys) {
    std::vector<Item> items;
    for (size_t i = 0; i < keys.size(); i++) items.push_back({(int)i, keys[i]});
    std::sort(items.begin(), items.end());
    printf("%s  \"%s\": {\"keys\": [", separator, name);
    for (size_t i = 0; i < keys.size(); i++) printf("%s%g", i ? ", " : "", keys[i]);
    printf("], \"order\": [");
    for (size_t i = 0; i < items.size(); i++) printf("%s%d", i ? ", " : "", items[i].place);
    printf("]}");
    separator = ",\n";
}

// McIlroy, A Killer Adversary for Quicksort, 1999: keys that use up the depth of introsort.
static std::vector<int> values;
static int solid, candidate, gas;

struct Adversary {
    int place;
    bool operator<(const Adversary& other) const {
        int x = place, y = other.place;
        if (values[x] == gas && values[y] == gas) values[x == candidate ? x : y] = solid++;
        if (values[x] == gas) candidate = x;
        else if (values[y] == gas) candidate = y;
        return values[x] < values[y];
    }
};

static std::vector<int> killer(int count) {
    std::vector<Adversary> items;
    values.assign(count, gas = count);
    solid = candidate = 0;
    for (int i = 0; i < count; i++) items.push_back({i});
    std::sort(items.begin(), items.end());
    return values;
}

int main() {
    srand(1);
    printf("{\n");
    for (int count : {2, 16, 17, 40, 300}) {
        std::vector<float> keys;
        for (int i = 0; i < count; i++) keys.push_back(rand() % (count < 50 ? 5 : 20));
        char name[40];
        snprintf(name, sizeof name, "%d of few values", count);
        write(name, keys);
    }
    write("equals", std::vector<float>(100, 1));
    std::vector<float> nearly, all, halves;
    for (int i = 0; i < 200; i++) nearly.push_back(i / 3);
    nearly[180] = 5;
    nearly[190] = 20;
    nearly[199] = 5;
    write("nearly sorted", nearly);
    for (int value : killer(400)) {
        all.push_back(value);
        halves.push_back(value / 2);
    }
    write("killer", all);
    write("killer with equals", halves);
    printf("\n}\n");
}
